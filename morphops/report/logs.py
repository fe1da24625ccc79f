"""Log lines."""

from __future__ import annotations

import sys

from morphops.core.results.logs import Logs
from morphops.core.visible import visible
from morphops.report.console import Reporter


def logs(reporter: Reporter, result: Logs) -> None:
    """Show log lines, each with its service in front."""
    for service, lines in result.logs.items():
        for text in lines:
            reporter.say(f"{service}  {text}")


def line(service: str, text: str) -> None:
    """Show one line as it comes, with its service in front."""
    sys.stdout.write(f"{service}  {visible(text)}\n")
    sys.stdout.flush()
