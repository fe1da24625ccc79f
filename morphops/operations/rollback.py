"""`inv rollback`: back to the last healthy release."""

from __future__ import annotations

from collections.abc import Collection

from morphops.adapters.store.release_layout import is_complete
from morphops.core.history import jobs, operations, recovery
from morphops.core.history.operations import Past, Record
from morphops.core.plan.steps import UndoJob
from morphops.core.release.digest import short
from morphops.core.results.deploy import DeployResult, PlanResult
from morphops.errors import MorphopsError, PreconditionError
from morphops.operations.pipeline import prepare, values
from morphops.operations.pipeline import rollback as pipeline
from morphops.operations.pipeline.change import Request, bring, show_plan
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.session import demand_reason, exclusive
from morphops.operations.release.find import full_digest
from morphops.site import Site


def rollback(
    site: Site,
    *,
    to: str = "",
    plan_only: bool = False,
    across_jobs: bool = False,
    reason: str = "",
    wait: float = 0,
) -> DeployResult | PlanResult:
    """Go back to the last healthy deployment before what runs: its files and its values.

    Where a deploy failed and was left as it was, that is the one of record. Everything it needs is
    here already, so no registry is asked.

    Args:
        site: where.
        to: a release that was healthy here, instead.
        plan_only: compute and return the plan, change nothing.
        across_jobs: go back also where a job ran since whose work is not taken back.
        reason: why, for the history; must be given.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: without a reason.
        PreconditionError: there is nothing to go back to.
    """
    if plan_only:
        return show_plan(site, _request(site, to, reason, across_jobs=across_jobs))
    demand_reason(reason, "rollback")
    with exclusive(site, "rollback", reason=reason, wait=wait) as session:
        return bring(site, session, _request(site, to, reason, across_jobs=across_jobs))


def _request(site: Site, to: str, reason: str, *, across_jobs: bool) -> Request:
    """The release that a rollback goes to, and the values that it ran with."""
    past = site.history.past()
    digest = full_digest(site, to, "inv history") if to else ""
    target = (
        operations.last_healthy_of(site.history.records(), digest)
        if digest
        else operations.rollback_target(past)
    )
    if target is None:
        recovery.refuse(past)  # what was interrupted is what is in the way, and comes first
        named = (
            f"release {short(digest)} was never healthy here"
            if digest
            else "no earlier release was healthy here"
        )
        raise PreconditionError(
            f"there is nothing to go back to: {named}",
            state="nothing was changed",
            hint="inv history",
        )
    if not is_complete(site.state.release(target.release)):
        raise PreconditionError(
            f"release {short(target.release)} is no longer kept here: inv prune removed it",
            state="nothing was changed",
            hint=f"inv deploy --image={target.release}",
        )
    if not to and (left := operations.abandoned_deploy(past)):
        site.observer.note(
            f"release {short(left.release)} failed and may run: "
            f"back to {short(target.release)}, the release of record"
        )
    leaves = _left(site, past) if jobs.since(past, target) else None
    takes_back = pipeline.taken_back(past, leaves, target)
    if not across_jobs:
        _refuse_jobs(past, target, takes_back)
    release = prepare.stored(site, target.release)
    bundle, _ = prepare.read_bundle(release)
    kept = values.read_values(site, site.state.deployment(target.deployment))
    env = prepare.operator_values(bundle, kept)
    return Request(
        kind="rollback",
        release=release,
        env=env,
        reason=reason,
        offline=True,
        left=leaves,
        takes_back=takes_back,
    )


def _left(site: Site, past: Past) -> PreparedRelease | None:
    """The release that is left; None where its files are broken, which must not block a rollback.

    Nothing that its jobs did is taken back then.
    """
    try:
        return pipeline.left(site, past)
    except MorphopsError as err:
        site.observer.note(f"what its jobs did is not taken back: {err.what}")
        return None


def _refuse_jobs(past: Past, target: Record, takes_back: Collection[UndoJob]) -> None:
    """Refuse to bring back code whose data a job changed since.

    Raises:
        PreconditionError: there is such a job, with its release and the time.
    """
    undone = {(step.mark.service, step.mark.config) for step in takes_back}
    found = [run for run in jobs.since(past, target) if (run.service, run.config) not in undone]
    if not found:
        return
    recovery.refuse(past)
    raise PreconditionError(
        f"a rollback to {short(target.release)} brings back its code, and not the data: "
        f"{', '.join(dict.fromkeys(run.service for run in found))} ran since",
        detail=tuple(
            f"{run.service} ran for {short(run.release)} at {run.at} (operation {run.operation})"
            for run in found
        ),
        state="nothing was changed",
        hint="where its code works with the current data: inv rollback --across-jobs …; "
        "or put the old data back first; or deploy a release that is fixed",
    )
