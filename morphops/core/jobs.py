"""Jobs: services that do something once, and end. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from morphops.core.bundle.schema import Bundle, Job
from morphops.core.stack import Service

# The profile of services that only take back what a job did, so that nothing else starts them.
UNDO_PROFILE = "undo"
# With these the engine would start a job again although it ended well (compose-spec, `restart`).
_ALWAYS = ("always", "unless-stopped")


def with_jobs(bundle: Bundle, services: Mapping[str, Service]) -> dict[str, Service]:
    """The services of a release, each with the job that it is; without those that undo one.

    Args:
        bundle: names jobs, and how each is run.
        services: as they render; one that another waits for is a job as well.
    """
    waited = {other for service in services.values() for other in service.waits_for_completion}
    undo = undo_services(bundle)

    def job(name: str) -> Job | None:
        return bundle.jobs.get(name) or (Job() if name in waited else None)

    return {name: replace(s, job=job(name)) for name, s in services.items() if name not in undo}


def undoing(bundle: Bundle, services: Mapping[str, Service]) -> dict[str, Service]:
    """The services that only take back what a job did."""
    return {name: s for name, s in services.items() if name in undo_services(bundle)}


def undo_services(bundle: Bundle) -> frozenset[str]:
    """Their names."""
    return frozenset(job.undo for job in bundle.jobs.values() if job.undo)


def staying(services: Mapping[str, Service]) -> tuple[str, ...]:
    """The names of the services that stay up: all but jobs."""
    return tuple(name for name, service in services.items() if service.job is None)


def of(services: Mapping[str, Service]) -> dict[str, Job]:
    """The jobs among some services, by name."""
    return {name: s.job for name, s in services.items() if s.job is not None}


def started_again(service: Service) -> str:
    """The restart policy with which the engine would start it again; empty where it would not."""
    policy = service.launch.settings.get("restart", "")
    return policy if policy in _ALWAYS else ""
