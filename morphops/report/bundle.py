"""The artifacts, and what is wrong with them."""

from __future__ import annotations

from morphops.core.results.bundle import BundleCheck
from morphops.report import check
from morphops.report.console import Reporter


def bundle_check(reporter: Reporter, result: BundleCheck) -> None:
    """Show what is wrong with the artifacts, one finding a line."""
    check.findings(reporter, result)
    if not result.findings:
        reporter.say("every artifact is ok")
