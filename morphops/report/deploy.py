"""What a deploy, a rollback, `up` or `down` came to, or would come to."""

from __future__ import annotations

from morphops.core.results.deploy import DeployResult, Down, PlanResult
from morphops.report import plan
from morphops.report.console import Reporter


def deployed(reporter: Reporter, result: DeployResult | PlanResult) -> None:
    """Show the result of `deploy`, `rollback` and `up`."""
    if isinstance(result, PlanResult):
        for line in plan.plan(result):
            reporter.say(line)
        return
    for line in plan.changes(result.changes):
        reporter.say(line)
    reporter.say(f"{result.state}: {result.release}" + ("" if result.changed else " (as before)"))


def down(reporter: Reporter, result: Down) -> None:
    """Show the result of `down`."""
    reporter.say(result.state)
