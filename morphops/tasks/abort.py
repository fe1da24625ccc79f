"""`inv abort`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, WAIT
from morphops.tasks.own_task import task


@task(help={"wait_lock": WAIT, "events": EVENTS, "json": JSON})
@command(changes=True)
def abort(c: Context, wait_lock: int = 0, events: str = "", json: bool = False) -> None:
    """Undo the operation that is incomplete: what ran before it runs again.

    Where it touched nothing, it is only ended. Exit code 5 if going back fails: call a person.
    """
    from morphops.operations import abort
    from morphops.report import deploy as report

    perform(
        json,
        lambda site: abort.abort(site, wait=wait_lock),
        report.deployed,
        events=events,
        of_record=True,
    )
