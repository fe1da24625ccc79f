"""`inv drift`: what differs between the release of record and what really runs."""

from __future__ import annotations

from collections.abc import Sequence

from morphops.adapters import probes
from morphops.core.history import operations
from morphops.core.results.check import of_differences
from morphops.core.results.drift import Drift
from morphops.core.verify import drift
from morphops.core.verify.drift import Difference
from morphops.errors import DriftFound, PreconditionError
from morphops.operations.pipeline import inside, prepare, secrets
from morphops.site import Site

_UNAPPROVED = "inv approval.grant NAME --reason=…, or deploy a release without that flag"
_NEXT = "inv up --reason=…   (brings the release of record), or inv deploy"


def look(site: Site) -> Drift:
    """Find every difference, each of a kind; exit code 6 with any.

    Raises:
        PreconditionError: there is no release of record, or what it was deployed with is gone.
        EngineUnavailable: no engine answers.
    """
    past = site.history.past()
    record = operations.deployment_of_record(past)
    if record is None:
        raise PreconditionError(
            "there is no release of record here, so nothing can differ from it",
            hint="inv status; inv deploy --image=sha256:<release>",
        )
    secrets.learn_secrets(site)
    running = site.platform.workloads.observe(site.bundle.project)
    if operations.is_down(past) and not running.containers:
        return Drift(state="down", release=record.release)
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
    found += inside.differences(ready, site.platform.workloads, running)
    whole = {container.service for container in running.containers if container.ready}
    for name, probe in ready.bundle.probes.items():
        # A service that does not run was named already; it cannot be asked.
        if probe.watched and whole.issuperset(probe.asks.services):
            reading = probes.read(probe, ready.context)
            if not reading.ready:
                found.append(Difference("probe", name, reading.reason))
    return Drift(
        state="drift" if found else "as released",
        exit=DriftFound.EXIT if found else 0,
        findings=of_differences(found, _next(found)),
        next=_next(found),
        release=record.release,
        differences=tuple(found),
    )


def _next(found: Sequence[Difference]) -> str:
    """What to type next; empty where nothing differs."""
    if any(difference.kind == "invariant" for difference in found):
        return _UNAPPROVED  # `inv up` would refuse the same release for the same reason
    return _NEXT if found else ""
