"""`inv pull`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.deploy import _IMAGE
from morphops.tasks.options import EVENTS, JSON, WAIT
from morphops.tasks.own_task import task


@task(iterable=["image"], help={"image": _IMAGE, "wait_lock": WAIT, "events": EVENTS, "json": JSON})
@command(changes=True)
def pull(
    c: Context, image: list[str], wait_lock: int = 0, events: str = "", json: bool = False
) -> None:
    """Fetch a release and its images by digest; no container is touched."""
    from morphops.operations import pull
    from morphops.report import release as report

    perform(
        json, lambda site: pull.pull(site, image, wait=wait_lock), report.release, events=events
    )
