"""`inv recreate`: new containers of the same release with the same values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from morphops.core.history import operations, recovery
from morphops.core.history.operations import Past
from morphops.core.results.deploy import DeployResult, PlanResult
from morphops.operations.pipeline import of_record, plan_view, prepare
from morphops.operations.pipeline.change import Decided, decide_on
from morphops.operations.pipeline.of_record import OfRecord
from morphops.operations.pipeline.operation import Operation
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site


def recreate(
    site: Site,
    services: Sequence[str],
    *,
    plan_only: bool = False,
    reason: str = "",
    wait: float = 0,
) -> DeployResult | PlanResult:
    """Replace the containers of some services, and of what depends on them, by new ones.

    Release and values are those of record. What a container is given from the machine (a mounted
    file) is read again.

    Args:
        site: where.
        services: their names.
        plan_only: compute and return the plan, change nothing.
        reason: why, for the history.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: the release of record has no such service.
        PreconditionError: there is no release of record, or something is in the way.
        RollbackFailed: the new containers are not healthy; nothing is undone.
    """
    if plan_only:
        past = site.history.past()
        _, _, decided = _decided(site, past, services)
        previous = operations.release_of_record(past)
        return plan_view.view(decided.plan, decided.prepared, previous=previous)
    with exclusive(site, "recreate", reason=reason, wait=wait) as session:
        past = session.history.past()
        recovery.refuse(past)
        there, names, decided = _decided(site, past, services)
        for change in decided.plan.changes:
            if change.action != "keep":
                why = f": {change.because}" if change.because else ""
                site.observer.note(f"{change.action} {change.service}{why}")
        deployment = site.state.deployment(there.record.deployment)
        prepare.mark(site, decided.prepared, deployment, decided.running)
        begun = there.begin(
            session, "recreate", plan=decided.plan.digest, subject=" ".join(names), reason=reason
        )
        return Operation(site, session, begun).execute(decided.plan, decided.prepared, None)


def _decided(
    site: Site, past: Past, services: Sequence[str]
) -> tuple[OfRecord, tuple[str, ...], Decided]:
    """The release of record, the names of the services, and the plan."""
    there = of_record.opened(site, past)
    names = there.staying(services, "recreate")
    prepared = replace(there.prepared, again=frozenset(names))
    deployment = site.state.deployment(there.record.deployment)
    desired = replace(prepared.desired(deployment.id), runs_jobs=False)
    decided = decide_on(site, prepared, desired, past, there.running, None)
    doing = f"recreating {', '.join(names)}"
    return there, names, replace(decided, plan=replace(decided.plan, doing=doing))
