"""`inv restart`: stop and start containers, each as it is."""

from __future__ import annotations

from collections.abc import Sequence

from morphops.core.history import recovery
from morphops.core.plan import plan, preconditions
from morphops.core.plan.plan import Plan
from morphops.core.plan.reasons import refusal
from morphops.core.results.restart import Restarted
from morphops.errors import PreconditionError
from morphops.operations.pipeline import of_record
from morphops.operations.pipeline.operation import Operation
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site


def restart(site: Site, services: Sequence[str], *, reason: str = "", wait: float = 0) -> Restarted:
    """Restart the containers of some services in place, and wait until they are healthy.

    They keep their release, configuration and values: what was changed since they were created is
    not applied. What depends on them is not restarted.

    Args:
        site: where.
        services: their names.
        reason: why, for the history.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: the release of record has no such service.
        PreconditionError: there is no release of record, or a service has no container.
        RollbackFailed: it was restarted and is not healthy; nothing is undone.
    """
    with exclusive(site, "restart", reason=reason, wait=wait) as session:
        past = session.history.past()
        recovery.refuse(past)
        there = of_record.opened(site, past)
        project, remedies = site.bundle.project, site.platform.remedies
        if against := tuple(preconditions.foreign(project, there.running, remedies)):
            raise refusal(against)
        names = there.staying(services, "restart")
        if missing := [name for name in names if not there.running.of(name)]:
            raise PreconditionError(
                f"{', '.join(missing)} has no container to restart",
                state="nothing was changed",
                hint="inv up --reason=…",
            )
        steps = plan.restart(there.prepared.bundle, there.prepared.services, names)
        doing = f"the restart of {', '.join(names)}"
        todo = Plan(there.record.release, there.record.deployment, steps, doing=doing)
        begun = there.begin(
            session, "restart", plan=todo.digest, subject=" ".join(names), reason=reason
        )
        done = Operation(site, session, begun).execute(todo, there.prepared, None)
        return Restarted(services=names, release=done.release, operation=done.operation)
