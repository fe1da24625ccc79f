"""This machine: what it lacks, and from nothing to a stack that answers."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def check(c: Context, json: bool = False) -> None:
    """Say what this machine lacks, and how to fix it; exit 3 if anything."""
    from morphops.operations import host
    from morphops.report import host as report

    perform(json, host.check, report.host)


@task(help={"json": JSON})
@command(changes=True)
def setup(c: Context, json: bool = False) -> None:
    """Install and start the engine where it is missing (root)."""
    from morphops.operations import host
    from morphops.report import host as report

    perform(json, host.setup, report.setup)
