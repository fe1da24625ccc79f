"""The artifacts of a release, before there is one."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"hardening": "list what would harden the stack; else it is counted", "json": JSON})
@command
def bundle_check(c: Context, hardening: bool = False, json: bool = False) -> None:
    """Check every artifact: compose files, Dockerfiles, env schema, templates, waves, runbooks.

    Needs the docker client and no engine. Exit code 2 with findings, each with line and remedy.

    What endangers a deploy is a finding. What would harden the stack (a read-only root, limits, a
    user) is advice: it is counted, and listed with --hardening. With `demand: [hardening]` in the
    bundle it is a finding as well.
    """
    from morphops.operations.bundle import check
    from morphops.report import bundle as report

    perform(json, lambda site: check.check(site, hardening=hardening), report.bundle_check)
