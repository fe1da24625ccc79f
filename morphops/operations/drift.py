"""`inv drift`: what differs between the release of record and what really runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from morphops.adapters import probes
from morphops.core.history import operations
from morphops.core.verify import drift
from morphops.core.verify.drift import Difference
from morphops.errors import DriftFound, PreconditionError
from morphops.operations.pipeline import prepare, secrets
from morphops.site import Site

SCHEMA = 2  # of the JSON; in 1 the kind `probe` had another name


def look(site: Site) -> dict[str, Any]:
    """Every difference, each of a kind; exit code 6 with any.

    Raises:
        PreconditionError: there is no release of record, or what it was deployed with is gone.
        EngineUnavailable: no engine answers.
    """
    records = site.history.records()
    record = operations.deployment_of_record(records)
    if record is None:
        raise PreconditionError(
            "there is no release of record here, so nothing can differ from it",
            hint="inv status; inv deploy --image=sha256:<release>",
        )
    secrets.learn_secrets(site)
    running = site.platform.workloads.observe(site.bundle.project)
    if operations.is_down(records) and not running.containers:
        return {"schema": SCHEMA, "state": "down", "release": record.release, "differences": []}
    ready = prepare.reopen(site, site.state.deployment(record.deployment), record.release)
    shapes = site.platform.workloads.launch_configs(running)
    found = list(
        drift.compare(
            ready.release,
            ready.services,
            running,
            shapes,
            rules=ready.bundle.invariants,
            approved=ready.approved,
        )
    )
    whole = {container.service for container in running.containers if container.ready}
    for name, probe in ready.bundle.probes.items():
        # A service that does not run was named already; it cannot be asked.
        if probe.watched and whole.issuperset(probe.asks.services):
            reading = probes.read(probe, ready.context)
            if not reading.ready:
                found.append(Difference("probe", name, reading.reason))
    view: dict[str, Any] = {
        "schema": SCHEMA,
        "state": "drift" if found else "as released",
        "release": record.release,
        "differences": [asdict(difference) for difference in found],
    }
    return view | ({"exit": DriftFound.EXIT} if found else {})
