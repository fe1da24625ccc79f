"""TODO morphops.report.logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def logs(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Log lines, each with its service in front."""
    for service, lines in view["logs"].items():
        for line in lines:
            reporter.say(f"{service}  {line}")
