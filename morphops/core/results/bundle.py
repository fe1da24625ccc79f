"""What `bundle.check` comes to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from morphops.core.finding import Finding, Level
from morphops.core.results.check import Check, CheckFinding, of_findings
from morphops.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleCheck(Check):
    """What is wrong with the artifacts of the bundle.

    Attributes:
        state: `ok` or `findings`.
        exit: 0, or 2 with findings.
        findings: what is wrong, in the order of files and lines.
        next: what to type next; empty without findings.
        hardening: how many findings are advice for hardening; 0 where the bundle demands it, since
            `findings` has them then.
        advice: those, where they were asked for (`--hardening`).
    """

    state: Literal["ok", "findings"]
    hardening: int = 0
    advice: tuple[CheckFinding, ...] = ()


def of_levels(
    findings: Iterable[Finding], *, demand: Collection[Level] = (), listed: bool = False
) -> BundleCheck:
    """Returns what findings come to: those that count, and how many are advice.

    Args:
        findings: of both levels.
        demand: the levels that are no advice here.
        listed: list the advice; else it is only counted.
    """
    found = list(findings)
    counts = [f for f in found if f.level == "danger" or f.level in demand]
    advice = [f for f in found if f not in counts]
    return BundleCheck(
        state="findings" if counts else "ok",
        exit=InputError.EXIT if counts else 0,
        findings=of_findings(counts),
        next="inv bundle.check" if counts else "",
        hardening=len(advice),
        advice=of_findings(advice) if listed else (),
    )
