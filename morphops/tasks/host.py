"""This machine: what it lacks, and from nothing to a stack that answers."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from morphops.cli import command, perform
from morphops.tasks.options import JSON


@task(help={"json": JSON})
@command
def check(c: Context, json: bool = False) -> None:
    """Say what this machine lacks, and how to mend it; exit 3 if anything."""
    from morphops.app import hosting
    from morphops.report import host as report

    perform(json, hosting.check, report.host)


@task(help={"json": JSON})
@command(changes=True)
def setup(c: Context, json: bool = False) -> None:
    """Install and start the engine where it is missing (root)."""
    from morphops.app import hosting
    from morphops.report import host as report

    perform(json, hosting.setup, report.setup)


@task(help={"json": JSON})
@command(changes=True)
def quickstart(c: Context, json: bool = False) -> None:
    """From nothing to a stack that answers, on this machine; again, it changes nothing."""
    from morphops.app import quickstart as use_case
    from morphops.report import host as report

    perform(json, use_case.quickstart, report.quickstart)
