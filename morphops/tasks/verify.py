"""`inv verify`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def verify(c: Context, json: bool = False) -> None:
    """Verify images, configuration, command lines, invariants, mounts and users of what runs.

    Exit code 6 with any difference.
    """
    from morphops.operations import verify
    from morphops.report import drift as report

    perform(json, verify.verify, report.verify, of_record=True)
