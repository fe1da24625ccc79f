"""Invariants, and the approvals that stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def approval(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """An approval that was given or taken back."""
    reporter.say(f"{view['name']}: {view['state']}" + ("" if view["changed"] else " (as before)"))
    if view["changed"]:
        reporter.say(f"recorded as operation {view['operation']}; next: inv verify")


def approvals(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The invariants, and the approvals that stand."""
    rows = [
        (
            row["name"],
            row["service"] or "-",
            " ".join(row["forbids"]) or "-",
            f"by {row['by']}, {row['since']}: {row['reason']}" if row["approved"] else "-",
        )
        for row in view["invariants"]
    ]
    reporter.table(("invariant", "of", "forbids", "approved"), rows)
