"""What is gone of a project."""

from __future__ import annotations

from morphops.core.results.destroy import Destroyed, told
from morphops.report.console import Reporter


def destroyed(reporter: Reporter, result: Destroyed) -> None:
    """Show the result; where nothing was done yet, with all that would go."""
    if result.state == "planned":
        reporter.say(f"would destroy {result.project} (nothing was changed)")
        for line in told(result):
            reporter.say(f"  {line}")
        reporter.say(f"next:  inv destroy --project={result.project}")
        return
    reporter.say(f"destroyed: {result.project}")
    if not result.history:
        reporter.say(f"the history stays: {result.kept}")
