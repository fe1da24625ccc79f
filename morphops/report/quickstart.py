"""What quickstart brought."""

from __future__ import annotations

from morphops.core.results.quickstart import Quickstart
from morphops.report.console import Reporter
from morphops.report.deploy import deployed


def quickstart(reporter: Reporter, result: Quickstart) -> None:
    """Show answers beside what the sample says, and what to try."""
    deployed(reporter, result)
    rows = [
        (a.question, _brief(a.answer), _brief(a.expected), "yes" if a.right else "no")
        for a in result.answers
    ]
    reporter.table(("asked", "answer", "the sample says", "right"), rows)
    reporter.say(f"values: {result.env_file}")
    reporter.say("try:")
    for line in result.try_:
        reporter.say(f"  {line}")


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 34 else f"{text[:22]}… ({len(text)} characters)"
