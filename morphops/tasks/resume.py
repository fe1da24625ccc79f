"""`inv resume`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, WAIT
from morphops.tasks.own_task import task


@task(help={"wait_lock": WAIT, "events": EVENTS, "json": JSON})
@command(changes=True)
def resume(c: Context, wait_lock: int = 0, events: str = "", json: bool = False) -> None:
    """Finish the operation that is incomplete, after a crash or a kill.

    With the files and the values that it was begun with; what is done already is kept. Until it is
    finished, or undone by abort, nothing else may change what runs. Exit codes as of deploy.
    """
    from morphops.operations import resume
    from morphops.report import deploy as report

    perform(
        json,
        lambda site: resume.resume(site, wait=wait_lock),
        report.deployed,
        events=events,
        of_record=True,
    )
