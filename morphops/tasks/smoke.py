"""`inv smoke`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON, SEED
from morphops.tasks.own_task import task


@task(help={"seed": SEED, "json": JSON})
@command
def smoke(c: Context, seed: str = "", json: bool = False) -> None:
    """Look once at every probe: data, agreement, known answers."""
    from morphops.operations import smoke
    from morphops.report import smoke as report

    perform(json, lambda site: smoke.smoke(site.asking(seed)), report.smoke, of_record=True)
