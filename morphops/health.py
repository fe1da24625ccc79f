"""Judges health: an observation in, a verdict out. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from morphops.probes import Reading
from morphops.target import Container, Running

# Started again by itself this often within one wait, a service will not become healthy.
_CRASH_LOOP = 2


def read(running: Running, services: Sequence[str]) -> Reading:
    """Whether all of these services are ready.

    A service that ends again and again, or whose health check gave up, is final: waiting longer
    only hides the reason.
    """
    waiting = []
    for service in services:
        containers = running.of(service)
        if not containers:
            waiting.append(f"{service} has no container yet")
        for container in containers:
            if container.ready:
                continue
            if broken(container):
                return Reading(False, explain(container), final=True)
            waiting.append(explain(container))
    if waiting:
        return Reading(False, "; ".join(waiting))
    return Reading(True, f"healthy: {', '.join(services)}")


def broken(container: Container) -> bool:
    """Whether waiting for this container is in vain."""
    return (
        container.state in ("exited", "dead")
        or container.restarts >= _CRASH_LOOP
        or container.health == "unhealthy"
    )


def explain(container: Container) -> str:
    """Why a container is not ready, in a few words."""
    if container.state in ("exited", "dead"):
        return f"{container.service} exited with {container.exit_code}"
    if container.restarts or container.state == "restarting":
        return (
            f"{container.service} ends and is started again "
            f"({container.restarts} times, exit {container.exit_code})"
        )
    if container.state != "running":
        return f"{container.service} is {container.state}"
    said = " ".join(container.health_output.split())
    return f"{container.service} is {container.health}" + (f": {said[:160]}" if said else "")
