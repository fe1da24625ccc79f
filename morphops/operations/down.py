"""`inv down`: stop what runs."""

from __future__ import annotations

from typing import Any

from morphops.core.history import recovery
from morphops.core.plan import plan, preconditions
from morphops.operations.pipeline.carry_out import take_down
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site


def down(site: Site, *, reason: str = "", wait: float = 0) -> dict[str, Any]:
    """Stop and remove the containers and networks; data, state and images stay.

    Raises:
        PreconditionError: the containers are not ours.
    """
    with exclusive(site, "down", reason=reason, wait=wait) as session:
        recovery.refuse(site.history.records())
        running = site.target.observe(site.bundle.project)
        preconditions.refuse_foreign(site.bundle, running)
        if not running.containers:
            return {"state": "down", "changed": False}
        session.signals.mask()
        record = session.history.begin("down", plan=plan.teardown().digest, reason=reason)
        take_down(site, session, record)
        return {"state": "down", "changed": True}
