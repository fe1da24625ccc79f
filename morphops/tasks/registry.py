"""The tasks of the group `registry`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command(changes=True)
def registry_up(c: Context, json: bool = False) -> None:
    """Start the local registry on loopback."""
    from morphops.operations import registry
    from morphops.report import registry as report

    perform(json, registry.registry_up, report.registry)


@task(help={"delete_data": "delete what it holds as well", "json": JSON})
@command(changes=True)
def registry_down(c: Context, delete_data: bool = False, json: bool = False) -> None:
    """Stop the local registry; its data stays."""
    from morphops.operations import registry
    from morphops.report import registry as report

    perform(
        json, lambda site: registry.registry_down(site, delete_data=delete_data), report.registry
    )
