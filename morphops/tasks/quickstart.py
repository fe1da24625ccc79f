"""`inv quickstart`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON
from morphops.tasks.own_task import task


@task(help={"events": EVENTS, "json": JSON})
@command(changes=True)
def quickstart(c: Context, events: str = "", json: bool = False) -> None:
    """From nothing to a stack that answers, on this machine; again, it changes nothing."""
    from morphops.operations import quickstart as use_case
    from morphops.report import quickstart as report

    perform(json, use_case.quickstart, report.quickstart, events=events)
