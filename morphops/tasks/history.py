"""What was done here: shown, proven, and made to count."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON, WAIT, WHY
from morphops.tasks.own_task import task


@task(help={"limit": "how many of the last operations (default: 20)", "json": JSON})
@command
def history(c: Context, limit: int = 20, json: bool = False) -> None:
    """Show what was done here: who, when, why, and how it came out."""
    from morphops.operations.history import show
    from morphops.report import history as report

    perform(json, lambda site: show.history(site, limit), report.history, of_record=True)


@task(
    help={
        "reason": WHY,
        "env_file": "the values that it runs with (default: as for deploy)",
        "without_running": "adopt the history alone, where nothing proves what runs",
        "wait_lock": WAIT,
        "json": JSON,
    }
)
@command(changes=True)
def history_adopt(
    c: Context,
    reason: str = "",
    env_file: str = "",
    without_running: bool = False,
    wait_lock: int = 0,
    json: bool = False,
) -> None:
    """Let the history here count from now on, though the engine knows of another one.

    After a state folder was lost or restored, or an engine set up again. What runs is taken over
    where release and env file prove to be what it was created from. A release that is not kept
    here comes from the registry.
    """
    from morphops.operations.history import adopt
    from morphops.report import history as report

    perform(
        json,
        lambda site: adopt.adopt(
            site,
            reason=reason,
            env_file=env_file,
            without_running=without_running,
            wait=wait_lock,
        ),
        report.adopted,
    )
