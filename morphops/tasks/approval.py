"""Invariants that may be broken, by whom and why."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON, WAIT, WHY
from morphops.tasks.own_task import task

_INVARIANT = "its name, see inv approval.list"


@task(
    help={
        "name": _INVARIANT,
        "reason": WHY,
        "until": "when it ends: a day (2030-12-31, UTC) or a time with its zone; default: never",
        "wait_lock": WAIT,
        "json": JSON,
    }
)
@command(changes=True)
def approval_grant(
    c: Context,
    name: str,
    reason: str = "",
    until: str = "",
    wait_lock: int = 0,
    json: bool = False,
) -> None:
    """Record that an invariant may be broken, by whom and why.

    It covers the invariant, not one release, until it is revoked or ends.
    """
    from morphops.operations import approval
    from morphops.report import approval as report

    perform(
        json,
        lambda site: approval.grant(site, name, reason=reason, until=until, wait=wait_lock),
        report.approval,
    )


@task(help={"name": _INVARIANT, "reason": WHY, "wait_lock": WAIT, "json": JSON})
@command(changes=True)
def approval_revoke(
    c: Context, name: str, reason: str = "", wait_lock: int = 0, json: bool = False
) -> None:
    """Record that an invariant must hold again; what runs is not touched."""
    from morphops.operations import approval
    from morphops.report import approval as report

    perform(
        json,
        lambda site: approval.revoke(site, name, reason=reason, wait=wait_lock),
        report.approval,
    )


@task(help={"json": JSON})
@command
def approval_list(c: Context, json: bool = False) -> None:
    """List the invariants, and the approvals that stand."""
    from morphops.operations import approval
    from morphops.report import approval as report

    perform(json, approval.show, report.approvals)
