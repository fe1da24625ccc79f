"""`inv wait`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def wait(c: Context, json: bool = False) -> None:
    """Wait until what runs is healthy and its probes pass."""
    from morphops.operations import wait
    from morphops.report import wait as report

    perform(json, wait.wait, report.wait, of_record=True)
