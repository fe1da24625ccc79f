"""TODO morphops.report.image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def image_check(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What is wrong with images, one finding a line."""
    for finding in view["findings"]:
        reporter.say(finding["text"])
    if not view["findings"]:
        reporter.table(("image", "ok"), sorted(view["images"].items()))
