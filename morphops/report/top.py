"""What containers use."""

from __future__ import annotations

from morphops.core.results.top import Top, TopRow
from morphops.report.console import Reporter, size

_HEADS = (
    "service",
    "cpu",
    "memory",
    "of",
    "processes",
    "restarts",
    "state",
    "health",
    "last check",
)


def top(reporter: Reporter, result: Top) -> None:
    """Show one container a row, the busiest first."""
    if not result.containers:
        reporter.say(f"{result.project}: nothing runs")
        return
    reporter.table(_HEADS, [_row(row) for row in result.containers])


def _row(row: TopRow) -> tuple[str, ...]:
    check = f"{row.checked} (exit {row.check_exit})" if row.checked else "-"
    return (
        row.name,
        f"{row.cpu:.1f} %",
        size(row.memory),
        size(row.memory_limit),
        str(row.processes),
        str(row.restarts),
        row.state,
        row.health or "-",
        check,
    )
