"""`inv drift`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def drift(c: Context, json: bool = False) -> None:
    """Compare what runs with the release of record; exit 6 with any difference.

    Kinds: missing, extra, image, config, altered, host-file, env keys, network, unhealthy, probe,
    invariant.
    """
    from morphops.operations import drift
    from morphops.report import drift as report

    perform(json, drift.look, report.drift, of_record=True)
