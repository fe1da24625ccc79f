"""The differences between what runs and what was released."""

from __future__ import annotations

from morphops.core.results.drift import Drift
from morphops.core.results.verify import Verification
from morphops.report import check
from morphops.report.console import Reporter


def drift(reporter: Reporter, result: Drift) -> None:
    """Show the differences between the release of record and what runs."""
    rows = [(row.kind, row.subject, row.what) for row in result.differences]
    if rows:
        reporter.table(("difference", "of", "what"), rows)
        reporter.say(f"next:  {result.next}")
    reporter.say(f"{result.state}: {result.release}")


def verify(reporter: Reporter, result: Verification) -> None:
    """Show what `verify` found, one finding a line."""
    check.findings(reporter, result)
    reporter.say(f"{result.state}: {result.release}")
