"""What `verify` comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.results.check import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification(Check):
    """What differs between what runs and the release of record, as the end of a deploy sees it.

    Attributes:
        state: `verified` or `drift`.
        exit: 0, or 6 with findings.
        findings: the differences; `rule` is the kind of each.
        next: what to type next; empty without findings.
        release: the release of record.
    """

    state: Literal["verified", "drift"]
    release: str
