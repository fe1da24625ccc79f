"""What checks found, one finding a line."""

from __future__ import annotations

from morphops.core.results.check import Check
from morphops.report.console import Reporter


def findings(reporter: Reporter, result: Check) -> None:
    """Show each finding, then how many there are and what to type next."""
    for finding in result.findings:
        reporter.say(finding.text)
    if result.findings:
        reporter.say(counted(len(result.findings), "finding"))
    if result.next:
        reporter.say(f"next:  {result.next}")


def counted(number: int, what: str) -> str:
    """Return a number and what is counted: `1 step`, `2 steps`."""
    return f"{number} {what}" + ("" if number == 1 else "s")
