"""`inv exec`."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import SERVICE
from morphops.tasks.own_task import task
from morphops.tasks.positional import MayBeNamed, after_dashes

_KEPT = "one JSON object on stdout, with the lines that the command wrote, redacted"


@task(
    name="exec",
    klass=MayBeNamed,
    help={"service": SERVICE, "index": "which of several containers (default: 1)", "json": _KEPT},
)
@command(leads=True)
def exec_(c: Context, service: str = "", index: int = 1, json: bool = False) -> None:
    """Run a command inside of a container that runs.

    inv exec db -- psql -U app -c "select count(*) from orders"

    What is typed after -- is the command. It has a terminal if stdin and stdout are one. Its exit
    code is that of the task; 126 and 127: there is no such program. Takes no lock and stands in no
    history. What it writes is not redacted, except with --json. Others on the machine can read the
    words of a command, so put no secret there.
    """
    from morphops.operations import exec as operation
    from morphops.report import exec as report

    words = after_dashes(c.remainder)
    perform(
        json,
        lambda site: operation.execute(site, service, words, index=index, attached=not json),
        report.ended,
        of_record=True,
    )
