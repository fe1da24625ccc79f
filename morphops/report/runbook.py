"""Runbooks, and how a run came out."""

from __future__ import annotations

from morphops.core.results.runbook import RunbookCheck, RunbookProof, RunbookRun, RunbookText
from morphops.report import check
from morphops.report.check import counted
from morphops.report.console import Reporter


def runbook_check(reporter: Reporter, result: RunbookCheck) -> None:
    """Show what is wrong with runbooks."""
    check.findings(reporter, result)
    if not result.findings:
        for name, steps in result.runbooks.items():
            reporter.say(f"{name}: ok, {counted(steps, 'step')}")


def runbook_show(reporter: Reporter, result: RunbookText) -> None:
    """Show a runbook, rendered on a terminal and as it is elsewhere."""
    reporter.markdown(result.text)


def runbook_run(reporter: Reporter, result: RunbookRun) -> None:
    """Show a run that passed."""
    steps = counted(len(result.steps), "step")
    reporter.say(f"passed: {result.runbook}, {result.section}: {steps}")
    reporter.say(f"report: {result.report}")


def runbook_verify(reporter: Reporter, result: RunbookProof) -> None:
    """Show a transcript that is what was written."""
    what = f"{result.runbook}, {result.section}"
    reporter.say(f"{result.state}: {what}: {result.entries} entries, {result.outcome}")
    reporter.say(f"last hash: {result.head}")
