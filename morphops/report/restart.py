"""What a restart came to."""

from __future__ import annotations

from morphops.core.release.digest import short
from morphops.core.results.restart import Restarted
from morphops.report.console import Reporter


def restarted(reporter: Reporter, result: Restarted) -> None:
    """Show what was restarted."""
    names = " ".join(result.services)
    reporter.say(f"{result.state}: {names}, restarted (release {short(result.release)})")
