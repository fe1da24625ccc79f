"""`inv recreate`."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, PLAN, REASON, SEED, SERVICES, WAIT
from morphops.tasks.own_task import task
from morphops.tasks.positional import TakesNames


@task(
    klass=TakesNames,
    help={
        "service": SERVICES,
        "plan": PLAN,
        "reason": REASON,
        "seed": SEED,
        "wait_lock": WAIT,
        "events": EVENTS,
        "json": JSON,
    },
)
@command(changes=True, unless="plan")
def recreate(
    c: Context,
    service: Sequence[str] = "",
    plan: bool = False,
    reason: str = "",
    seed: str = "",
    wait_lock: int = 0,
    events: str = "",
    json: bool = False,
) -> None:
    """Replace containers of the release of record by new ones, and what depends on them.

    inv recreate nginx --reason="new certificate"

    Release and values stay; files of the machine are mounted again. What will be replaced, and
    why, is said first; --plan says it and changes nothing. If the new containers do not become
    healthy, exit code 5; nothing is undone.
    """
    from morphops.operations import recreate
    from morphops.report import deploy as report

    perform(
        json,
        lambda site: recreate.recreate(
            site.asking(seed), service, plan_only=plan, reason=reason, wait=wait_lock
        ),
        report.deployed,
        events=events,
        of_record=True,
    )
