"""The automatic rollback of an operation: its plan, and what that works on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from morphops.core.history import jobs, operations
from morphops.core.history.jobs import JobMark
from morphops.core.history.operations import Past, Record
from morphops.core.plan import jobs as plan_jobs
from morphops.core.plan import plan
from morphops.core.plan.plan import Plan
from morphops.core.plan.steps import Pull, UndoJob
from morphops.core.plan.strategies import IN_PLACE
from morphops.core.release.digest import short
from morphops.core.stack import Running
from morphops.errors import EngineUnavailable, MorphopsError, PreconditionError
from morphops.operations.pipeline import execute, prepare
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.site import Site


@dataclass(frozen=True, slots=True)
class AutomaticRollback:
    """What brings back what ran before.

    Attributes:
        plan: its steps.
        prepared: what they work on; None where nothing ran.
    """

    plan: Plan
    prepared: PreparedRelease | None = None


TEARDOWN = AutomaticRollback(plan.teardown())


def to_what_runs(
    site: Site, past: Past, running: Running, undone: Collection[str] = ()
) -> AutomaticRollback | None:
    """The rollback of a deploy: to the deployment of record, or to nothing where nothing runs.

    Args:
        site: where.
        past: the history.
        running: what is there.
        undone: see `to_deployment`.

    Returns:
        None where there is none; the observer is told why.
    """
    if not running.containers:
        return TEARDOWN
    record = operations.deployment_of_record(past)
    if record is None:
        # They may be in use; that our memory of them is lost does not justify removing them.
        site.observer.note(
            "there is no automatic rollback: what runs is not in this state folder's history"
        )
        return None
    return to_deployment(site, record, undone)


def to_deployment(
    site: Site, record: Record, undone: Collection[str] = ()
) -> AutomaticRollback | None:
    """The rollback to an earlier deployment; None where it cannot be had, and why is told.

    Args:
        site: where.
        record: of that deployment.
        undone: its jobs that were taken back, or are to be, and have to run once more then.
    """
    deployment = site.state.deployment(record.deployment)
    try:
        before = prepare.reopen(site, deployment, record.release, same_data=True)
    except MorphopsError as err:
        site.observer.note(f"there is no automatic rollback to {short(record.release)}: {err.what}")
        return None
    if not before.services:  # a release that left nothing; to go back to it takes all away
        return TEARDOWN
    missing = _missing(site, before)
    undo = plan.rollback_to(IN_PLACE, before.desired(deployment.id), missing, undone)
    return AutomaticRollback(undo, before)


def left(site: Site, past: Past) -> PreparedRelease | None:
    """The release that a rollback leaves: what failed and was left so, or the one of record.

    Raises:
        MorphopsError: its files are broken.
    """
    record = operations.abandoned_deploy(past) or operations.deployment_of_record(past)
    if record is None:
        return None
    return prepare.reopen(site, site.state.deployment(record.deployment), record.release)


def taken_back(
    past: Past, left: PreparedRelease | None, target: Record, interrupted: Collection[JobMark] = ()
) -> tuple[UndoJob, ...]:
    """What a rollback takes back of what jobs of the release that is left did.

    Args:
        past: the history.
        left: that release; None where its files are broken.
        target: the deployment to go back to.
        interrupted: what was begun of this before an interruption.
    """
    if left is None:
        return ()
    ran = {(run.service, run.config) for run in jobs.since(past, target)}
    names = [name for name, s in left.services.items() if (name, s.config) in ran]
    return plan_jobs.taken_back(left.services, names, interrupted)


def mark_way_back(
    site: Site, undo: Plan | None, before: PreparedRelease | None, running: Running
) -> None:
    """Write the marks of what an automatic rollback brings back, as they are to be now.

    What comes back is verified against its marks. The old marks may come from an earlier
    version, or from files of the machine that have another content now.

    Args:
        site: where.
        undo: the automatic rollback; None for none.
        before: what it brings back; None for nothing.
        running: what is there.
    """
    if undo is not None and before is not None:
        prepare.mark(site, before, site.state.deployment(undo.deployment), running)


def fetch_missing(site: Site, rollback: AutomaticRollback | None) -> AutomaticRollback | None:
    """Fetch the missing images now, for an operation that goes on without a rollback else.

    Returns:
        the rollback that lacks nothing; None where an image cannot be had.

    Raises:
        EngineUnavailable: no engine answers.
    """
    if rollback is None:
        return None
    undo, project = rollback.plan, site.bundle.project
    try:
        for step in undo.missing_images:
            site.observer.note(str(step))
            execute.pull(step, site.platform.images, project, site.observer)
    except EngineUnavailable:
        raise
    except PreconditionError as err:
        site.observer.note(f"there is no automatic rollback to {short(undo.release)}: {err.what}")
        return None
    return replace(rollback, plan=replace(undo, missing_images=()))


def _missing(site: Site, before: PreparedRelease) -> list[Pull]:
    """The pulls of the images that are gone from the engine, while their containers may still run.

    A tag that holds such an image keeps its bytes, but not the name by which it is started.
    """
    pulls = plan.pulls(before.bundle, before.release, before.every)
    return [pull for pull in pulls if not site.platform.images.has_image(pull.image)]
