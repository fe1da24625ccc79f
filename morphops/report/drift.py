"""The differences between what runs and what was released."""

from __future__ import annotations

from morphops.core.results.check import Check
from morphops.core.results.drift import Drift
from morphops.core.results.verify import Verification
from morphops.report.console import Reporter


def drift(reporter: Reporter, result: Drift) -> None:
    """Show the differences between the release of record and what runs."""
    _differences(reporter, result)
    reporter.say(f"{result.state}: {result.release}")


def verify(reporter: Reporter, result: Verification) -> None:
    """Show what `verify` found."""
    _differences(reporter, result)
    reporter.say(f"{result.state}: {result.release}")


def _differences(reporter: Reporter, result: Check) -> None:
    rows = [(f.rule, " ".join(f.subjects), f.what) for f in result.findings]
    if rows:
        reporter.table(("difference", "of", "what"), rows)
        reporter.say(f"next:  {result.next}")
