"""This machine, and what quickstart brought to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def host(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """`inv host.check` for people."""
    rows = [
        (row["name"], "ok" if row["ok"] else "missing", row["found"], row["remedy"])
        for row in view["rows"]
    ]
    reporter.table(("what", "", "found", "to mend it"), rows)
    reporter.say("ready" if view["ready"] else "not ready")


def setup(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """`inv host.setup` for people."""
    reporter.say("ready" if view["done"] else "ready: nothing was missing")
