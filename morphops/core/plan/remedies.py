"""What a person types against what only the platform can name. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol


class Remedies(Protocol):
    """The commands of a platform; each answer is a command line to be shown, never run."""

    def remove_containers(self, ids: Sequence[str]) -> str:
        """Remove some containers."""

    def remove_project(self, project: str) -> str:
        """Stop and remove everything of a project."""

    def remove_networks(self, names: Sequence[str]) -> str:
        """Remove some networks."""

    def create(self, kind: Literal["network", "volume"], names: Sequence[str]) -> str:
        """Make shared networks or volumes."""

    def unpause(self, ids: Sequence[str]) -> str:
        """Let paused containers go on."""
