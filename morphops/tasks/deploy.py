"""`inv deploy`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import ENV, EVENTS, JSON, PLAN, REASON, SEED, WAIT
from morphops.tasks.own_task import task

_IMAGE = (
    "sha256:<release>, or NAME=sha256:<image> to replace one image of it (repeatable); "
    "NAME alone replaces it in the release of record"
)


@task(
    iterable=["image", "run_job"],
    help={
        "image": _IMAGE,
        "env_file": ENV,
        "plan": PLAN,
        "no_rollback": "keep a failed release running, to look into it (exit 5)",
        "run_job": "run this job although it ran, because its data is gone (repeatable)",
        "reason": REASON,
        "seed": SEED,
        "wait_lock": WAIT,
        "events": EVENTS,
        "json": JSON,
    },
)
@command(changes=True, unless="plan")
def deploy(
    c: Context,
    image: list[str],
    env_file: str = "",
    plan: bool = False,
    no_rollback: bool = False,
    run_job: list[str] | None = None,
    reason: str = "",
    seed: str = "",
    wait_lock: int = 0,
    events: str = "",
    json: bool = False,
) -> None:
    """Deploy a release by its digest; what fails is undone.

    Pulls by digest, checks the data, starts wave by wave, waits for health, probes, verifies.
    Exit codes: 0 healthy, 2 bad input, 3 not now (nothing changed), 130/143 interrupted and
    rolled back. A release that fails: 4 rolled back, 5 not rolled back.
    After a crash nothing else may change what runs: resume finishes it, abort goes back.
    """
    from morphops.operations import deploy
    from morphops.report import deploy as report

    perform(
        json,
        lambda site: deploy.deploy(
            site.asking(seed),
            image,
            env_file=env_file,
            plan_only=plan,
            choices=deploy.Choices(no_rollback=no_rollback, run_jobs=frozenset(run_job or ())),
            reason=reason,
            wait=wait_lock,
        ),
        report.deployed,
        events=events,
    )
