"""What was done here, that it is what was written, and what was adopted of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.core.release.digest import short
from morphops.report.console import Reporter


def history(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """`inv history` for people."""
    records = view["operations"]
    if not records:
        # A mistyped MORPHOPS_STATE looks like this too.
        reporter.say(f"nothing was done here yet (state folder: {view['state_folder']})")
        return
    rows = [
        (
            str(row["id"]),
            row["began"],
            row["kind"],
            short(row["release"]) or row["subject"] or "-",
            row["outcome"] or "cut off",
            row["user"],
            row["reason"] or row["error"],
        )
        for row in records
    ]
    reporter.table(("#", "began (UTC)", "kind", "of", "outcome", "by", "why / error"), rows)


def adopted(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What was adopted, and what of it could be proven."""
    if not view["changed"]:
        reporter.say("nothing to adopt: the history here is the one that the engine knows of")
        return
    reporter.say(f"adopted: {view['why'] or 'the history here'}")
    if view["set_aside"]:
        reporter.say(f"the old file is kept as {view['set_aside']}")
    if view["release"]:
        reporter.say(f"release of record: {view['release']}, proven to be what runs")
        reporter.say(f"values: {view['values']}")
    else:
        reporter.say("what runs was not taken over; next: inv status; inv deploy --image=sha256:…")
