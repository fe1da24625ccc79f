"""Releases, and what keeps them or does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from morphops.model import short
from morphops.report.console import Reporter, size


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


def pruned(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Before: what stays and why, and what would go. After: what has gone."""
    planned = view["state"] == "planned"
    if planned:
        rows = [(short(digest), ", ".join(reasons)) for digest, reasons in view["kept"].items()]
        reporter.table(("stays", "because"), rows)
    if view["nothing"]:
        reporter.say("nothing to remove")
    else:
        reporter.say("would go:" if planned else "removed:")
    for line in _goes(view):
        reporter.say(f"  {line}")
    for reference in view.get("refused", ()):
        reporter.say(f"the engine kept {reference}")
    back = f"goes to {short(view['rollback'])}" if view["rollback"] else "has nothing to go back to"
    reporter.say(f"inv rollback {back}")
    if planned:
        reporter.say(f"frees at most {size(view['at_most'])}; nothing was removed (--apply)")
    else:
        reporter.say(f"freed {view['freed']} bytes ({size(view['freed'])})")


def _goes(view: Mapping[str, Any]) -> Iterator[str]:
    """What goes, or has gone: one thing a line."""
    refused = set(view.get("refused", ()))
    for digest in view["releases"]:
        yield f"release {short(digest)}"
    for reference in view["references"]:
        if reference not in refused:
            yield f"image {reference}"
    for image in view["nameless"]:
        if image not in refused:
            yield f"image {short(image)}, built here, which has no name any more"
    for container in view["containers"]:
        yield f"stopped container {container}"
    for number in view["deployments"]:
        yield f"values and files of deployment {number}"
