"""TODO morphops.report.prune."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from morphops.core.release.digest import short
from morphops.report.console import Reporter, size


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
