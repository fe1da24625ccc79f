"""Images from source, and the registry that they are pushed to."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from morphops.cli import command, perform
from morphops.tasks.options import JSON


@task(
    help={
        "version": "label of the images (default: what git describes)",
        "no_push": "only load them into the engine; then they cannot be released",
        "json": JSON,
    }
)
@command(changes=True)
def build(c: Context, version: str = "", no_push: bool = False, json: bool = False) -> None:
    """Build the images and push them to the bundle's registry."""
    from morphops.app import building
    from morphops.report import building as report

    perform(
        json,
        lambda site: building.build(site, version=version, push=not no_push),
        report.images,
    )


@task(help={"refresh": "make them again, to take in newer packages", "json": JSON})
@command(changes=True)
def base(c: Context, refresh: bool = False, json: bool = False) -> None:
    """Make base images from distribution packages, for machines without a public registry."""
    from morphops.app import building
    from morphops.report import building as report

    perform(json, lambda site: building.make_bases(site, refresh=refresh), report.images)


@task(
    iterable=["image"],
    help={
        "image": "a release or NAME=sha256:<image>, as for deploy (repeatable; default: the last "
        "build, else the release of record)",
        "json": JSON,
    },
)
@command
def image_check(c: Context, image: list[str], json: bool = False) -> None:
    """Check images as they are built: user, secrets in layers, start on a read-only root.

    Each is started once, cut off from everything. Exit code 2 with findings.
    """
    from morphops.app import imaging
    from morphops.report import building as report

    perform(json, lambda site: imaging.check(site, image), report.image_check)


@task(help={"json": JSON})
@command(changes=True)
def registry_up(c: Context, json: bool = False) -> None:
    """Start the local registry on loopback."""
    from morphops.app import building
    from morphops.report import building as report

    perform(json, building.registry_up, report.registry)


@task(help={"delete_data": "delete what it holds as well", "json": JSON})
@command(changes=True)
def registry_down(c: Context, delete_data: bool = False, json: bool = False) -> None:
    """Stop the local registry; its data stays."""
    from morphops.app import building
    from morphops.report import building as report

    perform(
        json, lambda site: building.registry_down(site, delete_data=delete_data), report.registry
    )
