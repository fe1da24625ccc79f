"""How a command in a container ended."""

from __future__ import annotations

from morphops.core.results.command import CommandResult
from morphops.report.console import Reporter


def ended(reporter: Reporter, result: CommandResult) -> None:
    """Show what the command wrote, where that was kept; else it stands there already."""
    for line in result.lines:
        reporter.say(line)
