"""The tasks of the group `registry`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, WAIT
from morphops.tasks.own_task import task


@task(help={"json": JSON})
@command(changes=True)
def registry_up(c: Context, json: bool = False) -> None:
    """Start the local registry on loopback."""
    from morphops.operations.registry import local
    from morphops.report import registry as report

    perform(json, local.registry_up, report.registry)


@task(help={"delete_data": "delete what it holds as well", "json": JSON})
@command(changes=True)
def registry_down(c: Context, delete_data: bool = False, json: bool = False) -> None:
    """Stop the local registry; its data stays."""
    from morphops.operations.registry import local
    from morphops.report import registry as report

    perform(json, lambda site: local.registry_down(site, delete_data=delete_data), report.registry)


@task(
    help={
        "keep": "how many of the last healthy releases stay, the one of record included "
        "(default: what the bundle says)",
        "apply": "do it; without this it only says what would go",
        "reason": "why; must be given with --apply, and is kept in the history",
        "wait_lock": WAIT,
        "events": EVENTS,
        "json": JSON,
    }
)
@command(changes=True, only="apply")
def registry_prune(
    c: Context,
    keep: int | None = None,
    apply: bool = False,
    reason: str = "",
    wait_lock: int = 0,
    events: str = "",
    json: bool = False,
) -> None:
    """Remove old releases and their images from the registry; never what `prune` keeps.

    Releases that were never here stay, and so does what has a tag of another person. A registry on
    this machine is stopped for a moment while its space is freed.
    """
    from morphops.operations.registry import prune
    from morphops.report import registry as report

    perform(
        json,
        lambda site: prune.prune(site, keep=keep, apply=apply, reason=reason, wait=wait_lock),
        report.pruned,
        events=events,
    )
