"""The artifacts, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def bundle_check(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What is wrong with the artifacts, one finding a line."""
    for finding in view["findings"]:
        reporter.say(finding["text"])
    count = len(view["findings"])
    reporter.say(f"{count} finding{'s' if count > 1 else ''}" if count else "every artifact is ok")
