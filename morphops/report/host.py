"""This machine, and what was set up on it."""

from __future__ import annotations

from morphops.core.host.requirements import Row
from morphops.core.results.host import HostCheck, HostSetup
from morphops.report.console import Reporter


def host(reporter: Reporter, result: HostCheck) -> None:
    """Show every requirement, and how to meet those that are not met."""
    rows = [
        (row.name, "ok" if row.ok else "missing", _found(row), row.remedy) for row in result.rows
    ]
    reporter.table(("what", "", "found", "to fix it"), rows)
    reporter.say(result.state)


def setup(reporter: Reporter, result: HostSetup) -> None:
    """Show whether anything had to be installed or started."""
    reporter.say("ready" if result.done else "ready: nothing was missing")


def _found(row: Row) -> str:
    return f"{row.found} ({row.warning})" if row.warning else row.found
