"""The tasks of the group `audit`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task


@task(
    help={
        "operation": "only the entries of this operation (its number in `inv history`)",
        "limit": "how many of the last entries (default: 200)",
        "json": JSON,
    }
)
@command
def audit_show(c: Context, operation: int = 0, limit: int = 200, json: bool = False) -> None:
    """Show every entry of the history: intent, steps, outcome, each with its hash."""
    from morphops.operations import audit
    from morphops.report import audit as report

    perform(
        json, lambda site: audit.show(site, operation, limit), report.audit_show, of_record=True
    )


@task(
    help={
        "head": "hash of an entry that was noted elsewhere: it must still be there",
        "json": JSON,
    }
)
@command
def audit_verify(c: Context, head: str = "", json: bool = False) -> None:
    """Prove that no entry of the history was edited, dropped or moved; exit 3 names the one."""
    from morphops.operations import audit
    from morphops.report import audit as report

    perform(json, lambda site: audit.verify(site, head), report.audit_verify, of_record=True)
