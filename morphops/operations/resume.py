"""`inv resume`: finish the operation that is incomplete."""

from __future__ import annotations

from dataclasses import replace

from morphops.core import lock
from morphops.core.history import jobs as history
from morphops.core.history import operations
from morphops.core.history.operations import Past, Record
from morphops.core.plan import jobs as plan_jobs
from morphops.core.plan.decide import Policy
from morphops.core.plan.steps import UndoJob
from morphops.core.results.deploy import DeployResult
from morphops.core.stack import Running
from morphops.operations.pipeline import incomplete, jobs, notify, prepare, rollback
from morphops.operations.pipeline.change import decide_on
from morphops.operations.pipeline.jobs import JobsDone
from morphops.operations.pipeline.operation import Operation, take_down
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.session import Session, exclusive
from morphops.site import Site


def resume(site: Site, *, wait: float = 0) -> DeployResult:
    """Finish the incomplete operation, with the files and values that it was begun with.

    What is done already is not done again: images are here, and services that run as the release
    says are kept.

    Args:
        site: where.
        wait: seconds to wait for another operation to end.

    Raises:
        PreconditionError: none is incomplete, or there are containers that are not ours.
        RolledBack, RollbackFailed, Interrupted: it failed, as any deploy can.
    """
    with exclusive(site, lock.RESUME, wait=wait) as session:
        past = session.history.past()
        record = incomplete.incomplete(past)
        running = site.platform.workloads.observe(site.bundle.project)
        incomplete.refuse_foreign(site, running)
        if record.kind == "down":
            return _finish_down(site, session, record)
        prepared = incomplete.reopened(site, record)
        left: PreparedRelease | None = prepared
        if record.kind == "rollback":
            left = incomplete.left_by(site, past, record)
        done = jobs.of_record(record, running, left)
        takes_back = _takes_back(site, past, record, done, running)
        taken = {step.mark.service for step in takes_back}
        undone = done.undone | taken if record.kind == "rollback" else set()
        undo = incomplete.to_what_ran(site, past, record, running, undone)
        deployment = site.state.deployment(record.deployment)
        desired = replace(
            prepared.desired(deployment.id),
            runs_jobs=record.kind == "deploy",
            takes_back=takes_back,
            jobs_again=frozenset(taken),
        )
        policy = Policy(ports=False, unhealthy=False)
        decided = decide_on(site, prepared, desired, past, running, undo, policy)
        prepare.mark(site, prepared, deployment, running)
        rollback.mark_way_back(site, decided.plan.undo, decided.before, running)
        _take_up(session, record)
        with notify.outcome(site, session, record, incomplete.previous(past, record)):
            operation = Operation(site, session, record, jobs=done)
            return operation.execute(decided.plan, prepared, decided.before)


def _takes_back(
    site: Site, past: Past, record: Record, done: JobsDone, running: Running
) -> tuple[UndoJob, ...]:
    """What still has to be taken back; `done` gets to know what there is to take back.

    In a rollback that is what it was begun for. A deploy that was undoing itself goes forward
    again: what it had half taken back is finished first, and the job runs once more.
    """
    interrupted = history.interrupted(record)
    if done.left is None:
        return ()
    if record.kind != "rollback":
        names = [mark.service for mark in plan_jobs.half_undone(interrupted, running)]
        return plan_jobs.taken_back(done.left.services, names, interrupted)
    before = past.until(record)
    target = operations.last_healthy_of(site.history.records(), record.release)
    if target is None:
        return ()
    # What ran is read from before; what was taken back since is not taken back again.
    found = rollback.taken_back(before, done.left, target, interrupted)
    done.passed |= {step.mark.service for step in found}
    return tuple(step for step in found if step.mark.service not in done.undone)


def _finish_down(site: Site, session: Session, record: Record) -> DeployResult:
    _take_up(session, record)
    take_down(Operation(site, session, record))
    return DeployResult(state="down", release="", operation=record.id, changed=True)


def _take_up(session: Session, record: Record) -> None:
    session.signals.mask()
    session.history.resume(record, "resume")
