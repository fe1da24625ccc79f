"""`inv wait`."""

from __future__ import annotations

from morphops.core.plan import plan
from morphops.core.plan.steps import AwaitHealth, Gate
from morphops.core.results.wait import Wait
from morphops.errors import GateFailed, PreconditionError
from morphops.operations.pipeline import gates, survey
from morphops.site import Site


def wait(site: Site) -> Wait:
    """Wait until the release of record is healthy and its probes pass.

    Raises:
        GateFailed: with the reason and the last log lines of what is not ready.
        PreconditionError: it was stopped on purpose, or has no service: waiting is useless.
    """
    ready = survey.released(site)
    steps = plan.gates(ready.bundle, ready.services)
    if not steps:
        raise PreconditionError(
            f"release {ready.release.short} has no service with its values, "
            "so there is nothing to wait for",
            state="nothing was changed",
            hint="correct COMPOSE_PROFILES in the env file; then inv deploy",
        )
    workloads, project = site.platform.workloads, site.bundle.project
    try:
        for number, step in enumerate(steps, start=1):
            site.observer.step(number, len(steps), str(step))
            if isinstance(step, AwaitHealth):
                gates.await_health(step, workloads, project, site.observer)
            elif isinstance(step, Gate):
                probe = ready.bundle.probes[step.probe]
                gates.run(step.probe, probe, ready.context, site.observer.note)
    except GateFailed as err:
        raise err.with_(
            state="nothing was changed", hint="inv status; inv logs; inv up --reason=…"
        ) from None
    return Wait(release=ready.release.digest)
