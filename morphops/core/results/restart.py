"""What `restart` comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Result):
    """Services whose containers were stopped and started, each as it was.

    Attributes:
        state: `healthy`.
        exit: 0.
        services: in the order of the waves.
        release: that runs.
        operation: its number in the history.
    """

    state: Literal["healthy"] = "healthy"
    services: tuple[str, ...]
    release: str
    operation: int
