"""What one look showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look showed.

    Attributes:
        ready: whether the probe passed.
        reason: one line: what was seen, or why not.
        details: further lines, for a failure.
        facts: what `status` shows: label → a JSON value of whatever type.
        final: not ready, and waiting will not help.
    """

    ready: bool
    reason: str
    details: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    final: bool = False
