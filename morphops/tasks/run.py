"""`inv run`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import REASON, SERVICE, WAIT
from morphops.tasks.own_task import task
from morphops.tasks.positional import MayBeNamed, after_dashes

_KEPT = "one JSON object on stdout, with the lines that the command wrote, redacted"


@task(
    klass=MayBeNamed,
    help={"service": SERVICE, "reason": REASON, "wait_lock": WAIT, "json": _KEPT},
)
@command(changes=True)
def run(
    c: Context, service: str = "", reason: str = "", wait_lock: int = 0, json: bool = False
) -> None:
    """Run a command in a container of its own, with the values of the release.

    inv run web --reason="OPS-7" -- ./manage.py clearsessions

    The container has the image, values, networks and volumes of the service in the release of
    record, and no ports. It is removed at its end, and never taken for the service. The lock is
    held meanwhile, and the history keeps program and exit code, not the arguments. Exit code,
    terminal and redaction are as in inv exec.
    """
    from morphops.operations import run as operation
    from morphops.report import exec as report

    words = after_dashes(c.remainder)
    perform(
        json,
        lambda site: operation.run(
            site, service, words, reason=reason, wait=wait_lock, attached=not json
        ),
        report.ended,
        of_record=True,
    )
