"""Releases: put together, looked at, kept, removed."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from morphops.cli import command, perform
from morphops.tasks.options import JSON, WAIT

_DIGEST = "of the release, or its first 12 digits"


@task(
    iterable=["image", "label"],
    help={
        "image": "NAME=sha256:<digest> or NAME=repository@sha256:<digest> (repeatable; "
        "default: the last build)",
        "label": "KEY=VALUE, kept in the release (repeatable)",
        "json": JSON,
    },
)
@command(changes=True)
def create(c: Context, image: list[str], label: list[str], json: bool = False) -> None:
    """Put a release together, push it, and print its digest."""
    from morphops.app import releases
    from morphops.report import releases as report

    perform(
        json, lambda site: releases.as_json(releases.create(site, image, label)), report.release
    )


@task(help={"json": JSON})
@command
def release_list(c: Context, json: bool = False) -> None:
    """List the releases that are stored here, and what keeps each."""
    from morphops.app import pruning
    from morphops.report import releases as report

    perform(json, pruning.list_releases, report.release_list)


@task(help={"digest": _DIGEST, "json": JSON})
@command
def release_show(c: Context, digest: str, json: bool = False) -> None:
    """Show a release: images, labels, and what was done with it."""
    from morphops.app import pruning
    from morphops.report import releases as report

    perform(json, lambda site: pruning.show(site, digest), report.release_show)


@task(help={"digest": _DIGEST, "reason": "why; kept with the pin", "json": JSON})
@command(changes=True)
def release_pin(c: Context, digest: str, reason: str = "", json: bool = False) -> None:
    """Keep a release whatever prune is told."""
    from morphops.app import pruning
    from morphops.report import releases as report

    perform(json, lambda site: pruning.pin(site, digest, reason=reason), report.pinned)


@task(help={"digest": _DIGEST, "json": JSON})
@command(changes=True)
def release_unpin(c: Context, digest: str, json: bool = False) -> None:
    """Leave a release to prune again."""
    from morphops.app import pruning
    from morphops.report.state import state

    perform(json, lambda site: pruning.unpin(site, digest), state)


@task(
    help={
        "keep": "how many of the last healthy releases stay, the one of record included "
        "(default: what the bundle says)",
        "apply": "do it; without this it only says what would go",
        "build_cache": "also what builds here cached and did not use for a week, of all projects",
        "reason": "why; must be given with --apply, and is kept in the history",
        "wait_lock": WAIT,
        "json": JSON,
    }
)
@command(changes=True, only="apply")
def prune(
    c: Context,
    keep: int | None = None,
    apply: bool = False,
    build_cache: bool = False,
    reason: str = "",
    wait_lock: int = 0,
    json: bool = False,
) -> None:
    """Remove old images and releases of this project; never what a rollback needs.

    Stays: what runs, the last healthy releases, where rollbacks go, what was tried last, what is
    pinned, and what came here after the last deploy. A release that came before it and was never
    deployed goes; release.pin keeps it.
    """
    from morphops.app import pruning
    from morphops.report import releases as report

    perform(
        json,
        lambda site: pruning.prune(
            site,
            keep=keep,
            apply=apply,
            build_cache=build_cache,
            reason=reason,
            wait=wait_lock,
        ),
        report.pruned,
    )
