"""An operation that never came to its end: which it is, and what ran before it."""

from __future__ import annotations

from collections.abc import Collection

from morphops.core.history import operations, recovery
from morphops.core.history.operations import Past, Record
from morphops.core.plan import preconditions
from morphops.core.plan.reasons import refusal
from morphops.core.stack import Running
from morphops.errors import MorphopsError, PreconditionError
from morphops.operations.pipeline import prepare, rollback
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.rollback import AutomaticRollback
from morphops.site import Site


def incomplete(past: Past) -> Record:
    """The incomplete operation.

    Raises:
        PreconditionError: there is none.
    """
    record = operations.incomplete_operation(past)
    if record is None:
        raise PreconditionError(
            "no operation is incomplete", state="nothing was changed", hint="inv status"
        )
    return record


def reopened(site: Site, record: Record) -> PreparedRelease:
    """What the operation was to bring, with the files and values that it was begun with."""
    return prepare.reopen(site, site.state.deployment(record.deployment), record.release)


def previous(past: Past, record: Record) -> str:
    """The release of record before an operation; empty for none."""
    return operations.release_of_record(past.until(record))


def to_what_ran(
    site: Site, past: Past, record: Record, running: Running, undone: Collection[str] = ()
) -> AutomaticRollback | None:
    """The rollback to what ran when the operation began: the deployment of record, or nothing.

    Args:
        site: where.
        past: the history.
        record: the operation.
        running: what is there.
        undone: see `rollback.to_deployment`.

    Returns:
        None where there is none.
    """
    before = past.until(record)
    of_record = operations.deployment_of_record(before)
    was_down = operations.is_down(before) or of_record is None
    strangers = {c.release for c in running.containers} - {record.release}
    if was_down and (record.kind == "up" or not strangers):
        return rollback.TEARDOWN
    return rollback.to_deployment(site, of_record, undone) if of_record else None


def left_by(site: Site, past: Past, record: Record) -> PreparedRelease | None:
    """The release whose jobs are taken back by it, or by its undo; None where its files are broken.

    A rollback leaves the release that was of record; a deploy that is undone leaves its own.
    """
    try:
        if record.kind == "rollback":
            return rollback.left(site, past.until(record))
        return reopened(site, record)
    except MorphopsError:
        return None


def refuse_foreign(site: Site, running: Running) -> None:
    """Refuse where containers were added meanwhile, which would be stopped or replaced.

    Raises:
        PreconditionError: they were; the operation stays incomplete.
    """
    project, remedies = site.bundle.project, site.platform.remedies
    if against := tuple(preconditions.foreign(project, running, remedies)):
        raise refusal(against).with_(
            state="the operation is as it was",
            hint=f"inv status; remove those containers; then {recovery.NEXT}",
        )
