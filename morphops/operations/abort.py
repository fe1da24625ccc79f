"""`inv abort`: undo the operation that is incomplete."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from morphops.core import lock
from morphops.core.history import jobs as history
from morphops.core.history.operations import Past, Record
from morphops.core.plan import jobs as plan_jobs
from morphops.core.plan import preconditions
from morphops.core.plan.exclusive import holders
from morphops.core.plan.plan import prepend_removals, standalone
from morphops.core.plan.reasons import refusal
from morphops.core.plan.steps import UndoJob
from morphops.core.plan.strategies.in_place import removals
from morphops.core.results.deploy import DeployResult
from morphops.core.stack import Instance, Running
from morphops.errors import MorphopsError, PreconditionError
from morphops.operations.pipeline import incomplete, jobs, notify, plan_view, rollback
from morphops.operations.pipeline.jobs import JobsDone
from morphops.operations.pipeline.operation import Operation
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.rollback import AutomaticRollback
from morphops.operations.pipeline.session import Session, exclusive
from morphops.site import Site


def abort(site: Site, *, wait: float = 0) -> DeployResult:
    """Undo the incomplete operation: what ran before it runs again.

    Where nothing was touched there is nothing to undo, and what runs is not looked at.

    Args:
        site: where.
        wait: seconds to wait for another operation to end.

    Raises:
        PreconditionError: none is incomplete, there is no rollback, there are containers that are
            not ours, or something is in its way.
        RollbackFailed: going back failed.
    """
    with exclusive(site, lock.ABORT, wait=wait) as session:
        past = session.history.past()
        record = incomplete.incomplete(past)
        previous = incomplete.previous(past, record)
        if not record.touched:
            return _nothing_to_undo(site, session, record, previous)
        running = site.platform.workloads.observe(site.bundle.project)
        did_jobs = any(step.job for step in record.steps)
        left = incomplete.left_by(site, past, record) if did_jobs else None
        by_jobs = jobs.of_record(record, running, left)
        halves = {m.service for m in plan_jobs.half_undone(history.interrupted(record), running)}
        undone = by_jobs.undone | halves if record.kind == "rollback" else set()
        undo = _rollback(site, past, record, running, undone)
        # By what is there, not by what was to come: whose files may be what is broken.
        removed = [*_removed(site, record, running)]
        if undo.prepared is not None:  # who got what another one is to have again
            removed += holders(undo.prepared.services, running)
        takes_back = _takes_back(record, by_jobs, halves) if undo.prepared else ()
        added = [c.service for c in running.containers if not _is_job_of(undo.prepared, c)]
        plan = standalone(prepend_removals(undo.plan, added, removed, takes_back))
        _tell(site, by_jobs, takes_back)
        rollback.mark_way_back(site, undo.plan, undo.prepared, running)
        session.signals.mask()
        session.history.resume(record, "abort")
        with notify.outcome(site, session, record, previous):
            # Half of a rollback would be worse than a Ctrl-C that comes too late.
            with session.signals.shield():
                operation = Operation(site, session, record, aborting=True, jobs=by_jobs)
                done = operation.execute(plan, undo.prepared, None)
            return replace(done, changed=True)


def _takes_back(record: Record, done: JobsDone, halves: set[str]) -> tuple[UndoJob, ...]:
    """What takes back what jobs of the operation did.

    A rollback runs no job; but what it had half taken back is finished, and the job runs again.
    """
    if record.kind == "rollback":
        done.passed |= halves
    if done.left is None:
        return ()
    return plan_jobs.taken_back(done.left.services, done.passed, history.interrupted(record))


def _is_job_of(prepared: PreparedRelease | None, container: Instance) -> bool:
    """Whether a container is that of a job, as the release that comes back made it."""
    service = prepared.services.get(container.service) if prepared else None
    return service is not None and service.job is not None and service.config == container.config


def _tell(site: Site, done: JobsDone, takes_back: Collection[UndoJob]) -> None:
    """Say what going back does not bring back."""
    taken = {step.mark.service for step in takes_back}
    if stays := [name for name in done.stays if name not in taken]:
        site.observer.note(plan_view.stays(stays))


def _rollback(
    site: Site, past: Past, record: Record, running: Running, undone: Collection[str]
) -> AutomaticRollback:
    """What brings back what ran before.

    Raises:
        PreconditionError: there is no such thing, or something is in its way.
    """
    undo = incomplete.to_what_ran(site, past, record, running, undone)
    if undo is None:
        raise PreconditionError(
            "there is no automatic rollback: what ran before is not in this state folder, or "
            "its data was replaced",
            state="nothing was changed",
            hint="inv status; inv resume; or, to take what runs as it is: "
            "inv history.adopt --reason=…",
        )
    incomplete.refuse_foreign(site, running)
    if undo.prepared is not None:
        services, remedies = undo.prepared.services, site.platform.remedies
        if against := tuple(preconditions.stuck(services, running, remedies, None)):
            raise refusal(against)
    return undo


def _removed(site: Site, record: Record, running: Running) -> Sequence[str]:
    """Of what is there, what the operation had begun to remove."""
    if record.kind == "down":
        return running.services
    try:
        return removals(incomplete.reopened(site, record).services, running)
    except MorphopsError:
        return ()  # its files are broken; what is there is all that is known


def _nothing_to_undo(site: Site, session: Session, record: Record, previous: str) -> DeployResult:
    """End it where it never came to touch anything, however what runs is by now."""
    session.signals.mask()
    session.history.resume(record, "abort")
    with notify.outcome(site, session, record, previous):
        session.history.end(record, "refused")
    return DeployResult(state="as before", release=previous, changed=False)
