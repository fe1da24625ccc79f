"""`inv up`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, REASON, SEED, WAIT
from morphops.tasks.own_task import task


@task(help={"reason": REASON, "seed": SEED, "wait_lock": WAIT, "events": EVENTS, "json": JSON})
@command(changes=True)
def up(
    c: Context,
    reason: str = "",
    seed: str = "",
    wait_lock: int = 0,
    events: str = "",
    json: bool = False,
) -> None:
    """Start the release of record again, wave by wave."""
    from morphops.operations import up
    from morphops.report import deploy as report

    perform(
        json,
        lambda site: up.up(site.asking(seed), reason=reason, wait=wait_lock),
        report.deployed,
        events=events,
        of_record=True,
    )
