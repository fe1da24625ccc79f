"""`inv down`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, REASON, WAIT
from morphops.tasks.own_task import task


@task(help={"reason": REASON, "wait_lock": WAIT, "events": EVENTS, "json": JSON})
@command(changes=True)
def down(
    c: Context, reason: str = "", wait_lock: int = 0, events: str = "", json: bool = False
) -> None:
    """Stop and remove the containers; data, state and images stay."""
    from morphops.operations import down
    from morphops.report import deploy as report

    perform(
        json,
        lambda site: down.down(site, reason=reason, wait=wait_lock),
        report.down,
        events=events,
        of_record=True,
    )
