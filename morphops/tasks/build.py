"""Images from source, and the registry that they are pushed to."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON
from morphops.tasks.own_task import task


@task(
    help={
        "version": "label of the images (default: what git describes)",
        "no_push": "only load them into the engine; then they cannot be released",
        "events": EVENTS,
        "json": JSON,
    }
)
@command(changes=True)
def build(
    c: Context, version: str = "", no_push: bool = False, events: str = "", json: bool = False
) -> None:
    """Build the images and push them to the bundle's registry."""
    from morphops.operations import build
    from morphops.report import build as report

    perform(
        json,
        lambda site: build.build(site, version=version, push=not no_push),
        report.build,
        events=events,
    )
