"""Use cases after a crash: finish the operation that was cut off, or undo it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from morphops.core import lock
from morphops.core.history import operations, recovery
from morphops.core.history.operations import Record
from morphops.core.plan import plan, preconditions
from morphops.core.stack import Running
from morphops.errors import MorphopsError, PreconditionError
from morphops.operations.pipeline import notify, prepare
from morphops.operations.pipeline.carry_out import (
    execute_operation,
    planned,
    take_down,
    way_back_to,
)
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.session import Session, exclusive
from morphops.site import Site


def resume(site: Site, wait: float = 0) -> dict[str, Any]:
    """Finish what was cut off, with the files and values that it was begun with.

    What is done already is not done again: images are here, and services that run as they shall are
    left alone.

    Raises:
        PreconditionError: nothing was cut off, or there are containers that are not ours.
        RolledBack, RollbackFailed, Interrupted: it failed, as any deploy can.
    """
    with exclusive(site, lock.RESUME, wait=wait) as session:
        records = session.history.records()
        record = _cut_off(records)
        if record.kind == "down":
            return _finish_down(site, session, record)
        running = site.target.observe(site.bundle.project)
        _refuse_foreign(site, running)
        ready = _scene(site, record)
        undo, undo_scene = _way_back(site, records, record, running)
        todo = planned(site, ready, running, record.deployment, undo, undo_scene)
        preconditions.refuse(ready.services, running)
        session.signals.mask()
        session.history.resume(record, "resume")
        with notify.outcome(site, session, record, _previous(records, record)):
            return execute_operation(site, session, record, todo, ready, undo_scene)


def abort(site: Site, wait: float = 0) -> dict[str, Any]:
    """Undo what was cut off: what ran before it runs again.

    Where nothing was touched there is nothing to undo, and what runs is not looked at.

    Raises:
        PreconditionError: nothing was cut off, there is no way back, there are containers that are
            not ours, or something stands in it.
        RollbackFailed: going back failed.
    """
    with exclusive(site, lock.ABORT, wait=wait) as session:
        records = session.history.records()
        record = _cut_off(records)
        if not record.touched:
            return _nothing_to_undo(site, session, record, _previous(records, record))
        running = site.target.observe(site.bundle.project)
        undo, undo_scene = _way_back(site, records, record, running)
        if undo is None:
            raise PreconditionError(
                "there is no way back by itself: what ran before is not in this state folder, or "
                "its data was replaced",
                state="nothing was changed",
                hint="inv status; inv deploy --resume; or, to take what runs as it is: "
                "inv history.adopt --reason=…",
            )
        _refuse_foreign(site, running)
        if undo_scene is not None:
            preconditions.refuse(undo_scene.services, running)
        # By what is there, not by what was to come: whose files may be what is broken.
        removed = _removed(site, record, running)
        undo = plan.standalone(plan.prepend_removals(undo, running.services, removed))
        session.signals.mask()
        session.history.resume(record, "abort")
        with notify.outcome(site, session, record, _previous(records, record)):
            # Half of a way back would be worse than a Ctrl-C that comes too late.
            with session.signals.shield():
                done = execute_operation(
                    site, session, record, undo, undo_scene, None, aborting=True
                )
            return done | {"changed": True}


def _removed(site: Site, record: Record, running: Running) -> Sequence[str]:
    """Of what is there, what the operation had begun to remove."""
    if not record.touched:
        return ()
    if record.kind == "down":
        return running.services
    try:
        return plan.removals(_scene(site, record).services, running)
    except MorphopsError:
        return ()  # its files are broken; what is there is all that is known


def _nothing_to_undo(site: Site, session: Session, record: Record, previous: str) -> dict[str, Any]:
    """End it where it never came to touch anything, however what runs is by now."""
    session.signals.mask()
    session.history.resume(record, "abort")
    with notify.outcome(site, session, record, previous):
        session.history.end(record, "refused")
    return {"schema": 1, "state": "as before", "release": previous, "changes": [], "changed": False}


def _cut_off(records: Sequence[Record]) -> Record:
    record = operations.incomplete_operation(records)
    if record is None:
        raise PreconditionError(
            "no operation was cut off", state="nothing was changed", hint="inv status"
        )
    return record


def _previous(records: Sequence[Record], record: Record) -> str:
    """The release of record before an operation."""
    return operations.release_of_record(records[: records.index(record)])


def _scene(site: Site, record: Record) -> PreparedRelease:
    return prepare.reopen(site, site.state.deployment(record.deployment), record.release)


def _way_back(
    site: Site, records: Sequence[Record], record: Record, running: Running
) -> tuple[plan.Plan | None, PreparedRelease | None]:
    """What ran when the operation began: the deployment of record, or nothing."""
    before = records[: records.index(record)]
    was_down = operations.is_down(before) or operations.deployment_of_record(before) is None
    strangers = {c.release for c in running.containers} - {record.release}
    if was_down and (record.kind == "up" or not strangers):
        return plan.teardown(), None
    of_record = operations.deployment_of_record(before)
    if of_record is None:
        return None, None
    return way_back_to(site, of_record)


def _refuse_foreign(site: Site, running: Running) -> None:
    """Refuse where somebody put containers there meanwhile, which would be stopped or replaced.

    Raises:
        PreconditionError: somebody did; what was cut off stays to be ended.
    """
    try:
        preconditions.refuse_foreign(site.bundle, running)
    except PreconditionError as err:
        err.state = "what was cut off is as it was"
        err.hint = f"inv status; remove those containers; then {recovery.NEXT}"
        raise


def _finish_down(site: Site, session: Session, record: Record) -> dict[str, Any]:
    _refuse_foreign(site, site.target.observe(site.bundle.project))
    session.signals.mask()
    session.history.resume(record, "resume")
    take_down(site, session, record)
    return {"schema": 1, "state": "down", "release": "", "changes": [], "changed": True}
