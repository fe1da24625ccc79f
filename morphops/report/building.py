"""Images that were built, and the registry that has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def images(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Images that were built, by name."""
    if view["state"] == "not needed":
        reporter.say("nothing to make: a public registry answers, and no base was made here before")
        return
    reporter.table(("image", "reference"), sorted(view["images"].items()))
    if view.get("pushed"):
        reporter.say("next: inv image.check; inv release.create")


def image_check(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What is wrong with images, one finding a line."""
    for finding in view["findings"]:
        reporter.say(finding["text"])
    if not view["findings"]:
        reporter.table(("image", "ok"), sorted(view["images"].items()))


def registry(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The local registry."""
    if view["state"] == "elsewhere":
        reporter.say(f"the registry {view['address']} is not on this machine: nothing to do")
        return
    where = f" at {view['address']}" if view["address"] else ""
    data = "its data is deleted" if view["deleted"] else f"data: {view['volume']}"
    reporter.say(f"registry {view['container']}: {view['state']}{where} ({data})")
