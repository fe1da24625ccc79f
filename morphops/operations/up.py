"""`inv up`: start the release of record again."""

from __future__ import annotations

from dataclasses import replace

from morphops.core.history import recovery
from morphops.core.results.deploy import DeployResult
from morphops.operations.pipeline import of_record, prepare, rollback
from morphops.operations.pipeline.change import decide_on
from morphops.operations.pipeline.operation import Operation
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site


def up(site: Site, *, reason: str = "", wait: float = 0) -> DeployResult:
    """Start the release of record again, wave by wave, with the values it was deployed with.

    Its jobs ran when it was deployed, and do not run again.

    Args:
        site: where.
        reason: why, for the history.
        wait: seconds to wait for another operation to end.

    Raises:
        PreconditionError: there is no release of record, or its data was replaced.
    """
    with exclusive(site, "up", reason=reason, wait=wait) as session:
        past = session.history.past()
        recovery.refuse(past)
        there = of_record.opened(site, past, same_data=True)
        prepared, running = there.prepared, there.running
        # Containers that run keep running if this fails; what was down goes down again.
        undo = None if running.containers else rollback.TEARDOWN
        deployment = site.state.deployment(there.record.deployment)
        desired = replace(prepared.desired(deployment.id), runs_jobs=False)
        decided = decide_on(site, prepared, desired, past, running, undo)
        prepare.mark(site, prepared, deployment, running)
        begun = there.begin(session, "up", plan=decided.plan.digest, reason=reason)
        return Operation(site, session, begun).execute(decided.plan, prepared, None)
