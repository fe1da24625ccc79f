"""What the tasks of the group `host` come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.host.requirements import Row
from morphops.core.results.base import Result
from morphops.core.results.check import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCheck(Check):
    """What this machine offers, and what it lacks.

    Attributes:
        state: `ready` or `not ready`.
        exit: 0, or 3 with findings.
        findings: what is missing.
        next: what to type next; empty without findings.
        ready: whether nothing is missing.
        rows: every requirement.
    """

    state: Literal["ready", "not ready"]
    ready: bool
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSetup(Result):
    """A machine that is ready.

    Attributes:
        state: `ready`.
        exit: 0.
        done: what was installed or started, one text each.
    """

    state: Literal["ready"] = "ready"
    done: tuple[str, ...]
