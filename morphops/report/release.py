"""Releases, and what keeps them or does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.core.release.digest import short
from morphops.report.console import Reporter


def release(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A release for people."""
    reporter.say(f"release {view['release']}")
    rows = [(name, image["ref"], image["platform"]) for name, image in view["images"].items()]
    reporter.table(("image", "reference", "platform"), rows)
    for key, value in sorted(view["labels"].items()):
        reporter.say(f"{key}: {value}")


def release_list(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The releases that are stored here."""
    rows = [
        (
            short(row["release"]),
            row["last"] or "-",
            row["outcome"] or "not deployed yet",
            row["pinned"] or "-",
            ", ".join(row["kept_by"]) or "nothing: inv prune removes it",
        )
        for row in view["releases"]
    ]
    reporter.table(("release", "last used (UTC)", "outcome", "pinned", "kept by"), rows)


def release_show(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A release, and what was done with it."""
    release(reporter, view)
    if not view["stored"]:
        reporter.say("not stored here; the registry has it: inv pull")
    reporter.say(f"kept by: {', '.join(view['kept_by']) or 'nothing'}")
    for row in view["operations"]:
        reporter.say(f"{row['began']} {row['kind']}: {row['outcome'] or 'cut off'}")


def pinned(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What was pinned, and why."""
    before = "" if view["changed"] else ", as before"
    reporter.say(f"pinned: {view['release']} ({view['reason']}){before}")
