"""The artifacts, and what is wrong with them."""

from __future__ import annotations

from morphops.core.results.bundle import BundleCheck
from morphops.report import check
from morphops.report.console import Reporter


def bundle_check(reporter: Reporter, result: BundleCheck) -> None:
    """Show what is wrong with the artifacts, one finding a line; of advice the number first."""
    for advice in result.advice:
        reporter.say(advice.text)
    if result.hardening:
        how = "" if result.advice else ": inv bundle.check --hardening"
        reporter.say(f"{check.counted(result.hardening, 'way')} to harden the stack{how}")
    check.findings(reporter, result)
    if not result.findings:
        reporter.say("every artifact is ok")
