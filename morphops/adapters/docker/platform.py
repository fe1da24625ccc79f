"""One engine with Compose as a `Platform`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.compose import ComposeTarget
from morphops.adapters.docker.heads import EngineHeads
from morphops.adapters.docker.lock import EngineLock
from morphops.interfaces import Platform


def compose_platform(docker: Docker, redact: Callable[[str], str]) -> Platform:
    """The platform of the engine that the docker client talks to.

    Args:
        docker: makes the bounded clients.
        redact: applied to log lines and health output.
    """
    target = ComposeTarget(docker, redact)
    return Platform(
        workloads=target,
        images=target,
        lock=EngineLock(docker),
        heads=EngineHeads(docker),
        remedies=DockerRemedies(),
    )


class DockerRemedies:
    """Implements `Remedies` with the docker client's commands."""

    def remove_containers(self, ids: Sequence[str]) -> str:
        """See `Remedies.remove_containers`."""
        return f"docker rm -f {' '.join(ids)}"

    def remove_project(self, project: str) -> str:
        """See `Remedies.remove_project`."""
        return f"docker compose -p {project} down"

    def remove_networks(self, names: Sequence[str]) -> str:
        """See `Remedies.remove_networks`."""
        return f"docker network rm {' '.join(names)}"

    def create(self, kind: Literal["network", "volume"], names: Sequence[str]) -> str:
        """See `Remedies.create`."""
        return "; ".join(f"docker {kind} create {name}" for name in names)

    def unpause(self, ids: Sequence[str]) -> str:
        """See `Remedies.unpause`."""
        return f"docker unpause {' '.join(ids)}"
