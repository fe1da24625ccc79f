"""Log lines."""

from __future__ import annotations

from morphops.core.results.logs import Logs
from morphops.report.console import Reporter


def logs(reporter: Reporter, result: Logs) -> None:
    """Show log lines, each with its service in front."""
    for service, lines in result.logs.items():
        for line in lines:
            reporter.say(f"{service}  {line}")
