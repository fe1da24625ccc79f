"""What `drift` comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from morphops.core.results.check import Check
from morphops.core.verify.drift import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift(Check):
    """What differs between the release of record and what runs.

    In schema 1 the kind `probe` had another name.

    Attributes:
        state: `as released`, `drift`, or `down`: it was stopped on purpose.
        exit: 0, or 6 with findings.
        findings: the differences; `rule` is the kind of each.
        next: what to type next; empty without findings.
        release: the release of record.
        differences: the same as the findings.
    """

    schema: ClassVar[int] = 2

    state: Literal["as released", "drift", "down"]
    release: str
    differences: tuple[Difference, ...] = ()
