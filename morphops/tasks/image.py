"""The tasks of the group `image`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(help={"refresh": "make them again, to take in newer packages", "json": JSON})
@command(changes=True)
def base(c: Context, refresh: bool = False, json: bool = False) -> None:
    """Make base images from distribution packages, for machines without a public registry."""
    from morphops.operations.image import base
    from morphops.report import build as report

    perform(json, lambda site: base.make_bases(site, refresh=refresh), report.bases)


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

    Each is started once, without a network. Exit code 2 with findings.
    """
    from morphops.operations.image import check
    from morphops.report import image as report

    perform(json, lambda site: check.check(site, image), report.image_check)
