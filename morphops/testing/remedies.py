"""What a person would type against a fake engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal


class FakeRemedies:
    """Implements `Remedies` with commands of an engine that does not exist."""

    def remove_containers(self, ids: Sequence[str]) -> str:
        """See `Remedies.remove_containers`."""
        return f"fake remove {' '.join(ids)}"

    def remove_project(self, project: str) -> str:
        """See `Remedies.remove_project`."""
        return f"fake teardown {project}"

    def remove_networks(self, names: Sequence[str]) -> str:
        """See `Remedies.remove_networks`."""
        return f"fake remove network {' '.join(names)}"

    def create(self, kind: Literal["network", "volume"], names: Sequence[str]) -> str:
        """See `Remedies.create`."""
        return f"fake create {kind} {' '.join(names)}"

    def unpause(self, ids: Sequence[str]) -> str:
        """See `Remedies.unpause`."""
        return f"fake unpause {' '.join(ids)}"
