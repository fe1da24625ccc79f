"""The artifacts of a release, before there is one."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command
def bundle_check(c: Context, json: bool = False) -> None:
    """Check every artifact: compose files, Dockerfiles, env schema, templates, waves, runbooks.

    Needs the docker client and no engine. Exit code 2 with findings, each with line and remedy.
    """
    from morphops.operations.bundle import check
    from morphops.report import bundle as report

    perform(json, check.check, report.bundle_check)
