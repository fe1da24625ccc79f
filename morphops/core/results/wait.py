"""What `wait` comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Result):
    """What runs is ready.

    Attributes:
        state: `healthy`.
        exit: 0.
        release: the release of record.
    """

    state: Literal["healthy"] = "healthy"
    release: str
