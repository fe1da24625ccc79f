"""`inv rollback`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, PLAN, SEED, WAIT, WHY
from morphops.tasks.own_task import task


@task(
    help={
        "to": "a release that was healthy here (digest, or its first 12 digits or more)",
        "plan": PLAN,
        "across_jobs": "go back although a job changed the data since, which stays as it is",
        "reason": WHY,
        "seed": SEED,
        "wait_lock": WAIT,
        "events": EVENTS,
        "json": JSON,
    }
)
@command(changes=True, unless="plan")
def rollback(
    c: Context,
    to: str = "",
    plan: bool = False,
    across_jobs: bool = False,
    reason: str = "",
    seed: str = "",
    wait_lock: int = 0,
    events: str = "",
    json: bool = False,
) -> None:
    """Go back to the last healthy release, with its files and its values.

    Needs no registry: images, files and values are kept here. Twice goes back twice.
    The data stays as it is, unless a job's undo takes back what the job did to it.
    """
    from morphops.operations import rollback
    from morphops.report import deploy as report

    perform(
        json,
        lambda site: rollback.rollback(
            site.asking(seed),
            to=to,
            plan_only=plan,
            across_jobs=across_jobs,
            reason=reason,
            wait=wait_lock,
        ),
        report.deployed,
        events=events,
        of_record=True,
    )
