"""TODO morphops.report.quickstart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter
from morphops.report.deploy import deployed


def quickstart(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What quickstart brought: answers beside what the sample says, and what to try."""
    deployed(reporter, view)
    rows = [
        (a["question"], _brief(a["answer"]), _brief(a["expected"]), "yes" if a["right"] else "no")
        for a in view["answers"]
    ]
    reporter.table(("asked", "answer", "the sample says", "right"), rows)
    reporter.say(f"values: {view['env_file']}")
    reporter.say("try:")
    for line in view["try"]:
        reporter.say(f"  {line}")


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 34 else f"{text[:22]}… ({len(text)} characters)"
