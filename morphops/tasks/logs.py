"""`inv logs`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(
    help={
        "service": "one service (default: all)",
        "tail": "how many of the last lines of each (default: 50)",
        "json": JSON,
    },
)
@command
def logs(c: Context, service: str = "", tail: int = 50, json: bool = False) -> None:
    """Show the last log lines, with secrets taken out."""
    from morphops.operations import logs
    from morphops.report import logs as report

    perform(json, lambda site: logs.logs(site, service, tail), report.logs, of_record=True)
