"""What `bundle.check` comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.results.check import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleCheck(Check):
    """What is wrong with the artifacts of the bundle.

    Attributes:
        state: `ok` or `findings`.
        exit: 0, or 2 with findings.
        findings: what is wrong, in the order of files and lines.
        next: what to type next; empty without findings.
    """

    state: Literal["ok", "findings"]
