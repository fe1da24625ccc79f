"""What runs, looked at; nothing is changed."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def status(c: Context, json: bool = False) -> None:
    """Show the release of record, and what really runs.

    Exit code 0 whatever it finds; for scripts there are --json, and drift.
    """
    from morphops.operations import status
    from morphops.report import status as report

    perform(json, status.status, report.status, of_record=True)
