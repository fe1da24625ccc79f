"""What the probes show."""

from __future__ import annotations

from morphops.core.results.smoke import Smoke
from morphops.report.console import Reporter


def smoke(reporter: Reporter, result: Smoke) -> None:
    """Show each probe that did not pass, with its further lines."""
    for finding in result.findings:
        reporter.say(finding.text)
        for name in finding.subjects:
            for line in result.probes[name].details:
                reporter.say(f"  {line}")
    if result.next:
        reporter.say(f"next:  {result.next}")
    reporter.say(f"{result.state}: {result.release}")
