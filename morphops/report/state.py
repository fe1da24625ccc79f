"""A result that is one state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def state(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A result that is one state, and the release it is about."""
    about = f": {view['release']}" if view.get("release") else ""
    reporter.say(f"{view['state']}{about}")
