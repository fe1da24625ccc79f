"""TODO morphops.report.drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def drift(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The differences between the release of record and what runs."""
    rows = [(row["kind"], row["subject"], row["what"]) for row in view["differences"]]
    if rows:
        reporter.table(("difference", "of", "what"), rows)
        reporter.say("next: inv up --reason=…   (brings the release of record), or inv deploy")
    reporter.say(f"{view['state']}: {view['release']}")
