"""`inv up`: start the release of record again."""

from __future__ import annotations

from typing import Any

from morphops.core.history import operations, recovery
from morphops.core.history.operations import Record
from morphops.core.plan import plan, preconditions
from morphops.errors import PreconditionError
from morphops.operations.pipeline import prepare
from morphops.operations.pipeline.carry_out import execute_operation, planned, refuse_taken_ports
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site


def up(site: Site, *, reason: str = "", wait: float = 0) -> dict[str, Any]:
    """Start the release of record again, wave by wave, with the values it was deployed with.

    Raises:
        PreconditionError: there is no release of record, or its data was replaced.
    """
    with exclusive(site, "up", reason=reason, wait=wait) as session:
        recovery.refuse(site.history.records())
        record = _record(site)
        deployment = site.state.deployment(record.deployment)
        ready = prepare.reopen(site, deployment, record.release, same_data=True)
        running = site.target.observe(site.bundle.project)
        # Containers that run keep running if this fails; what was down goes down again.
        undo = None if running.containers else plan.teardown()
        todo = planned(site, ready, running, record.deployment, undo, ready)
        refuse_taken_ports(site, ready, running)
        preconditions.refuse(ready.services, running, ready.bundle)
        session.signals.mask()
        begun = session.history.begin(
            "up",
            release=todo.release,
            deployment=todo.deployment,
            fingerprint=record.fingerprint,
            plan=todo.digest,
            reason=reason,
        )
        return execute_operation(site, session, begun, todo, ready, None)


def _record(site: Site) -> Record:
    record = operations.deployment_of_record(site.history.records())
    if record is None:
        raise PreconditionError(
            "there is no release of record here",
            state="nothing was changed",
            hint="inv deploy --image=sha256:<release>",
        )
    return record
