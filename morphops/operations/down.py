"""`inv down`: stop what runs."""

from __future__ import annotations

from morphops.core.history import recovery
from morphops.core.plan import plan, preconditions
from morphops.core.plan.reasons import refusal
from morphops.core.results.deploy import Down
from morphops.operations.pipeline.change import announce
from morphops.operations.pipeline.operation import Operation, take_down
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site


def down(site: Site, *, reason: str = "", wait: float = 0) -> Down:
    """Stop and remove the containers and networks; data, state and images stay.

    Args:
        site: where.
        reason: why, for the history.
        wait: seconds to wait for another operation to end.

    Raises:
        PreconditionError: the containers are not ours.
    """
    with exclusive(site, "down", reason=reason, wait=wait) as session:
        recovery.refuse(session.history.past())
        platform, project = site.platform, site.bundle.project
        running = platform.workloads.observe(project)
        if against := tuple(preconditions.foreign(project, running, platform.remedies)):
            raise refusal(against)
        if not running.containers:
            return Down(changed=False)
        record = announce(site, session, "down", plan.teardown(), {}, reason)
        take_down(Operation(site, session, record))
        return Down(changed=True)
