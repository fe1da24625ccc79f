"""`inv top`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def top(c: Context, json: bool = False) -> None:
    """Show what each container uses: processor, memory, processes; restarts and last health check.

    One look, which takes about two seconds. 100 % is one processor.
    """
    from morphops.operations import top
    from morphops.report import top as report

    perform(json, top.top, report.top, of_record=True)
