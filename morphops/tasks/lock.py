"""Who works here, and what to do about one who hangs."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON, WHY
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def lock_status(c: Context, json: bool = False) -> None:
    """Show who holds the lock, since when and why."""
    from morphops.operations import lock
    from morphops.report import lock as report

    perform(json, lock.status, report.lock_status, of_record=True)


@task(help={"reason": WHY, "json": JSON})
@command(changes=True)
def lock_break(c: Context, reason: str = "", json: bool = False) -> None:
    """Take the lock from one who hangs; after a kill there is nothing to break."""
    from morphops.operations import lock
    from morphops.report import lock as report

    perform(
        json, lambda site: lock.take_away(site, reason=reason), report.lock_broken, of_record=True
    )
