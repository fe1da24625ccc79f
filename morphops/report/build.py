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
