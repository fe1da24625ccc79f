"""Releases: put together, looked at, kept, removed."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task

_DIGEST = "of the release, or its first 12 digits or more"


@task(
    iterable=["image", "label"],
    help={
        "image": "NAME=sha256:<digest> or NAME=repository@sha256:<digest> (repeatable; "
        "default: the last build, or the image's source); of a source NAME=repository:tag as well",
        "frozen": "refuse a tag that names another image than in the last release",
        "label": "KEY=VALUE, kept in the release (repeatable)",
        "json": JSON,
    },
)
@command(changes=True)
def create(
    c: Context,
    image: list[str],
    label: list[str],
    frozen: bool = False,
    json: bool = False,
) -> None:
    """Put a release together, push it, and print its digest."""
    from morphops.core.results.release import ReleaseCreated, of_created
    from morphops.operations.release import create
    from morphops.report import release as report
    from morphops.site import Site

    def made(site: Site) -> ReleaseCreated:
        found = create.create(site, image, label, frozen=frozen)
        return of_created(found.release, found.sources, found.carried)

    perform(json, made, report.release_created)


@task(help={"json": JSON})
@command
def release_list(c: Context, json: bool = False) -> None:
    """List the releases that are stored here, and what keeps each."""
    from morphops.operations.release import list
    from morphops.report import release as report

    perform(json, list.list_releases, report.release_list)


@task(help={"digest": _DIGEST, "json": JSON})
@command
def release_show(c: Context, digest: str, json: bool = False) -> None:
    """Show a release: images, labels, and what was done with it."""
    from morphops.operations.release import show
    from morphops.report import release as report

    perform(json, lambda site: show.show(site, digest), report.release_show)


@task(help={"digest": _DIGEST, "reason": "why; kept with the pin", "json": JSON})
@command(changes=True)
def release_pin(c: Context, digest: str, reason: str = "", json: bool = False) -> None:
    """Keep a release whatever prune is told."""
    from morphops.operations.release import pin
    from morphops.report import release as report

    perform(json, lambda site: pin.pin(site, digest, reason=reason), report.pin)


@task(help={"digest": _DIGEST, "json": JSON})
@command(changes=True)
def release_unpin(c: Context, digest: str, json: bool = False) -> None:
    """Leave a release to prune again."""
    from morphops.operations.release import pin
    from morphops.report import release as report

    perform(json, lambda site: pin.unpin(site, digest), report.pin)
