"""`inv smoke`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def smoke(c: Context, json: bool = False) -> None:
    """Look once at every probe: data, agreement, known answers."""
    from morphops.operations import smoke
    from morphops.report import smoke as report

    perform(json, smoke.smoke, report.smoke)
