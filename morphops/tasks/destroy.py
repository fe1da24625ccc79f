"""`inv destroy`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, PLAN, REASON, WAIT
from morphops.tasks.own_task import task


@task(
    help={
        "project": "the project's name, to say that it is meant (default: it is asked for)",
        "registry": "also the local registry, with the images of every project that uses it",
        "history": "also the history, and the releases and values that are kept here",
        "plan": PLAN,
        "reason": REASON,
        "wait_lock": WAIT,
        "events": EVENTS,
        "json": JSON,
    }
)
@command(changes=True, unless="plan")
def destroy(
    c: Context,
    project: str = "",
    registry: bool = False,
    history: bool = False,
    plan: bool = False,
    reason: str = "",
    wait_lock: int = 0,
    events: str = "",
    json: bool = False,
) -> None:
    """End the project: remove its containers, networks, volumes with their data, and images.

    inv destroy --plan
    inv destroy --project=shop --reason="moved to the other machine"

    It cannot be undone. What goes is said first, and the project's name has to be typed. External
    networks and volumes, folders of the machine, the env file and the history stay.
    """
    from morphops.operations import destroy
    from morphops.report import destroy as report

    perform(
        json,
        lambda site: destroy.destroy(
            site,
            project=project,
            plan_only=plan,
            with_registry=registry,
            with_history=history,
            reason=reason,
            wait=wait_lock,
        ),
        report.destroyed,
        events=events,
        of_record=True,
    )
