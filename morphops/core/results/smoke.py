"""What `smoke` comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.check import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What a probe showed.

    Attributes:
        ready: whether it passed.
        reason: what was seen, or why it did not pass.
        details: further lines.
    """

    ready: bool
    reason: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke(Check):
    """What the probes show.

    Attributes:
        state: `healthy` or `unhealthy`.
        exit: 0, or 3 with findings.
        findings: the probes that did not pass.
        next: what to type next; empty without findings.
        release: the release of record.
        probes: by name.
    """

    state: Literal["healthy", "unhealthy"]
    release: str
    probes: Mapping[str, ProbeResult]
