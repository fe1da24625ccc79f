"""Who holds the lock, or held it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def lock_status(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Who holds the lock."""
    holder = view["holder"]
    reporter.say(f"{view['project']}: {view['state']}")
    if holder:
        rows = [(name, str(holder[name])) for name in ("what", "reason", "user", "host", "pid")]
        reporter.table(("", "held"), [*rows, ("since (UTC)", holder["since"])])
    if view["under_way"]:
        under_way = view["under_way"]
        reporter.say(f"operation {under_way['operation']} is at: {under_way['step']}")


def lock_broken(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """From whom the lock was taken, and what is to be done about it."""
    if not view["changed"]:
        reporter.say("nobody holds the lock")
        return
    holder = view["holder"]
    reporter.say(f"taken from {holder['what']}, by {holder['user']} on {holder['host']}")
    if view["cut_off"]:
        reporter.say("next: inv status; then inv resume, or inv abort")
