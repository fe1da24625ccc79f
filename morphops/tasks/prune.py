"""`inv prune`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, WAIT
from morphops.tasks.own_task import task


@task(
    help={
        "keep": "how many of the last healthy releases stay, the one of record included "
        "(default: what the bundle says)",
        "apply": "do it; without this it only says what would go",
        "build_cache": "also what builds here cached and did not use for a week, of all projects",
        "reason": "why; must be given with --apply, and is kept in the history",
        "wait_lock": WAIT,
        "events": EVENTS,
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
    events: str = "",
    json: bool = False,
) -> None:
    """Remove old images and releases of this project; never what a rollback needs.

    Stays: what runs, the last healthy releases, where rollbacks go, what was tried last, what is
    pinned, and what came here after the last deploy. A release that came before it and was never
    deployed goes; release.pin keeps it.
    """
    from morphops.operations.prune import prune
    from morphops.report import prune as report

    perform(
        json,
        lambda site: prune.prune(
            site,
            keep=keep,
            apply=apply,
            build_cache=build_cache,
            reason=reason,
            wait=wait_lock,
        ),
        report.pruned,
        events=events,
    )
