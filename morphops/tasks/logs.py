"""`inv logs`."""

from __future__ import annotations

from collections.abc import Sequence

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task
from morphops.tasks.positional import TakesNames


@task(
    klass=TakesNames,
    help={
        "service": "one service, or several (default: all)",
        "tail": "how many of the last lines of each container (default: 50)",
        "since": "only lines after that: 90s, 10m, 2h, or a time such as 2030-12-31T08:00:00Z",
        "follow": "go on with each further line, until Ctrl-C or the containers end",
        "json": JSON,
    },
)
@command
def logs(
    c: Context,
    service: Sequence[str] = "",
    tail: int = 50,
    since: str = "",
    follow: bool = False,
    json: bool = False,
) -> None:
    """Show the last log lines of services, with secrets taken out.

    inv logs web worker --since=10m --follow
    """
    from morphops.operations import logs
    from morphops.report import logs as report

    if follow:
        logs.refuse_json(json)
        perform(
            json,
            lambda site: logs.follow(site, service, tail, since=since, say=report.line),
            report.logs,
            of_record=True,
        )
        return
    perform(
        json,
        lambda site: logs.logs(site, service, tail, since=since),
        report.logs,
        of_record=True,
    )
