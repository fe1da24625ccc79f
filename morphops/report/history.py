"""What was done here, and what was adopted of it."""

from __future__ import annotations

from morphops.core.release.digest import short
from morphops.core.results.history import Adoption, History
from morphops.report.console import Reporter


def history(reporter: Reporter, result: History) -> None:
    """Show the last operations, one a row."""
    if not result.operations:
        # A mistyped MORPHOPS_STATE looks like this too.
        reporter.say(f"nothing was done here yet (state folder: {result.state_folder})")
        return
    rows = [
        (
            str(record.id),
            record.began,
            record.kind,
            record.subject or short(record.release) or "-",
            record.outcome or "incomplete",
            record.user,
            "; ".join(text for text in (record.reason, record.error) if text),
        )
        for record in result.operations
    ]
    reporter.table(("#", "began (UTC)", "kind", "of", "outcome", "by", "why / error"), rows)


def adopted(reporter: Reporter, result: Adoption) -> None:
    """Show what was adopted, and what of it could be proven."""
    if not result.changed:
        reporter.say("nothing to adopt: the history here is the one that the engine knows of")
        return
    reporter.say(f"adopted: {result.why or 'the history here'}")
    if result.set_aside:
        reporter.say(f"the old file is kept as {result.set_aside}")
    if result.release:
        reporter.say(f"release of record: {result.release}, proven to be what runs")
        reporter.say(f"values: {result.values}")
    else:
        reporter.say("what runs was not taken over; next: inv status; inv deploy --image=sha256:…")
