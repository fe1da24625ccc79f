"""What runs, beside what should, and what it logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.core.release.digest import short
from morphops.report.console import Reporter


def status(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """`inv status` for people."""
    release = view["release"] or f"none (state folder: {view['state_folder']})"
    reporter.say(f"{view['project']}: {view['state']}")
    reporter.say(f"release of record: {release}" + _since(view["since"]))
    if view["services"]:
        rows = [
            (
                row["service"],
                row["state"],
                row["health"],
                {True: "yes", False: "no", None: "?"}[row["image"].get("matches")],
                short(row["image"]["digest"]),
                short(row["created_by"]) or "-",
                " ".join(row["ports"]) or "-",
            )
            for row in view["services"]
        ]
        heads = ("service", "state", "health", "as released", "image", "created by", "ports")
        reporter.table(heads, rows)
    for name, probe in view["probes"].items():
        reporter.say(f"{name}: {probe['reason']}")
    for difference in view["differences"]:
        reporter.say(f"difference: {difference}")
    if view["history"]:
        reporter.say(f"the history here is not the engine's: {view['history']}")
        reporter.say("next: inv history.adopt --reason=…, or the state folder that it belongs to")
    if view["under_way"]:
        under_way = view["under_way"]
        if under_way["alive"]:
            reporter.say(f"under way: {under_way['holder']}")
        else:
            reporter.say(under_way["what"])
            reporter.say(f"next: {under_way['next']}")


def _since(when: str) -> str:
    return f" (since {when})" if when else ""
