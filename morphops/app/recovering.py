"""Use cases after a crash: finish the operation that was cut off, or undo it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from morphops import journal, lock, plan, stuck
from morphops.app import scene, telling
from morphops.app.carrying import carry_out, planned, take_down, way_back_to
from morphops.app.exclusive import Session, exclusive
from morphops.app.site import Site
from morphops.engine import Scene
from morphops.errors import PreconditionError
from morphops.journal import Record
from morphops.target import Running


def resume(site: Site, wait: float = 0) -> dict[str, Any]:
    """Finish what was cut off, with the files and values that it was begun with.

    What is done already is not done again: images are here, and services that run as they shall are
    left alone.

    Raises:
        PreconditionError: nothing was cut off.
        RolledBack, RollbackFailed, Interrupted: it failed, as any deploy can.
    """
    with exclusive(site, lock.RESUME, wait=wait) as session:
        records = session.history.records()
        record = _cut_off(records)
        if record.kind == "down":
            return _finish_down(site, session, record)
        running = site.target.observe(site.bundle.project)
        ready = _scene(site, record)
        undo, undo_scene = _way_back(site, records, record, running)
        todo = planned(site, ready, running, record.deployment, undo, undo_scene)
        stuck.refuse(ready.services, running)
        session.signals.hold()
        session.history.resume(record, "resume")
        with telling.outcome(site, session, record, _previous(records, record)):
            return carry_out(site, session, record, todo, ready, undo_scene)


def abort(site: Site, wait: float = 0) -> dict[str, Any]:
    """Undo what was cut off: what ran before it runs again.

    Where nothing was touched there is nothing to undo, and what runs is not looked at.

    Raises:
        PreconditionError: nothing was cut off, there is no way back, or something stands in it.
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
        if undo_scene is not None:
            stuck.refuse(undo_scene.services, running)
        # By what is there, not by what was to come: whose files may be what is broken.
        undo = plan.alone(plan.without_added(undo, running.services))
        session.signals.hold()
        session.history.resume(record, "abort")
        with telling.outcome(site, session, record, _previous(records, record)):
            # Half of a way back would be worse than a Ctrl-C that comes too late.
            with session.signals.deferred():
                done = carry_out(site, session, record, undo, undo_scene, None, aborting=True)
            return done | {"changed": True}


def _nothing_to_undo(site: Site, session: Session, record: Record, previous: str) -> dict[str, Any]:
    """End it where it never came to touch anything, however what runs is by now."""
    session.signals.hold()
    session.history.resume(record, "abort")
    with telling.outcome(site, session, record, previous):
        session.history.end(record, "refused")
    return {"schema": 1, "state": "as before", "release": previous, "changes": [], "changed": False}


def _cut_off(records: Sequence[Record]) -> Record:
    record = journal.cut_off(records)
    if record is None:
        raise PreconditionError(
            "no operation was cut off", state="nothing was changed", hint="inv status"
        )
    return record


def _previous(records: Sequence[Record], record: Record) -> str:
    """The release of record before an operation."""
    return journal.release_of_record(records[: records.index(record)])


def _scene(site: Site, record: Record) -> Scene:
    return scene.reopen(site, site.state.deployment(record.deployment), record.release)


def _way_back(
    site: Site, records: Sequence[Record], record: Record, running: Running
) -> tuple[plan.Plan | None, Scene | None]:
    """What ran when the operation began: the deployment of record, or nothing."""
    before = records[: records.index(record)]
    was_down = journal.is_down(before) or journal.of_record(before) is None
    strangers = {c.release for c in running.containers} - {record.release}
    if was_down and (record.kind == "up" or not strangers):
        return plan.nothing(), None
    of_record = journal.of_record(before)
    if of_record is None:
        return None, None
    return way_back_to(site, of_record)


def _finish_down(site: Site, session: Session, record: Record) -> dict[str, Any]:
    session.signals.hold()
    session.history.resume(record, "resume")
    take_down(site, session, record)
    return {"schema": 1, "state": "down", "release": "", "changes": [], "changed": True}
