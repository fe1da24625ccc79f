"""What runs is ready."""

from __future__ import annotations

from morphops.core.results.wait import Wait
from morphops.report.console import Reporter


def wait(reporter: Reporter, result: Wait) -> None:
    """Show that what runs is ready."""
    reporter.say(f"{result.state}: {result.release}")
