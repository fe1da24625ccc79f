"""`inv restart`."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON, REASON, SEED, SERVICES, WAIT
from morphops.tasks.own_task import task
from morphops.tasks.positional import TakesNames


@task(
    klass=TakesNames,
    help={
        "service": SERVICES,
        "reason": REASON,
        "seed": SEED,
        "wait_lock": WAIT,
        "events": EVENTS,
        "json": JSON,
    },
)
@command(changes=True)
def restart(
    c: Context,
    service: Sequence[str] = "",
    reason: str = "",
    seed: str = "",
    wait_lock: int = 0,
    events: str = "",
    json: bool = False,
) -> None:
    """Stop and start the containers of services, each as it is, and wait for health.

    inv restart web worker --reason="it leaks"

    Release, configuration and values stay as they are; a file of the machine that was replaced is
    not mounted again (inv recreate does that). What depends on the services is not restarted. If
    they do not become healthy, exit code 5; nothing is undone.
    """
    from morphops.operations import restart
    from morphops.report import restart as report

    perform(
        json,
        lambda site: restart.restart(site.asking(seed), service, reason=reason, wait=wait_lock),
        report.restarted,
        events=events,
        of_record=True,
    )
