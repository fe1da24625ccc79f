"""Invariants, and the approvals that stand."""

from __future__ import annotations

from morphops.core.results.approval import Approval, ApprovalList, InvariantRow
from morphops.report.console import Reporter


def approval(reporter: Reporter, result: Approval) -> None:
    """Show an approval that was granted or revoked."""
    reporter.say(f"{result.name}: {result.state}" + ("" if result.changed else " (as before)"))
    if result.until:
        reporter.say(f"it ends at {result.until}")
    if result.changed:
        reporter.say(f"recorded as operation {result.operation}; next: inv verify")


def approvals(reporter: Reporter, result: ApprovalList) -> None:
    """Show the invariants, and the approvals that stand."""
    rows = [
        (
            row.name,
            row.service or "-",
            " ".join(row.forbids) or "-",
            f"by {row.by}, {row.since}{_end(row)}: {row.reason}" if row.approved else "-",
        )
        for row in result.invariants
    ]
    reporter.table(("invariant", "of", "forbids", "approved"), rows)


def _end(row: InvariantRow) -> str:
    return f" until {row.until}" if row.until else ""
