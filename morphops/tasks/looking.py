"""What runs, looked at; nothing is changed."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from morphops.cli import command, perform
from morphops.tasks.options import JSON


@task(help={"json": JSON})
@command
def wait(c: Context, json: bool = False) -> None:
    """Wait until what runs is healthy and its probes pass."""
    from morphops.app import looking
    from morphops.report.state import state

    perform(json, looking.wait, state)


@task(help={"json": JSON})
@command
def smoke(c: Context, json: bool = False) -> None:
    """Look once at every probe: data, agreement, known answers."""
    from morphops.app import looking
    from morphops.report.state import state

    perform(json, looking.smoke, state)


@task(help={"json": JSON})
@command
def status(c: Context, json: bool = False) -> None:
    """Show the release of record, and what really runs.

    Exit code 0 whatever it finds; for scripts there are --json, and drift.
    """
    from morphops.app import looking
    from morphops.report import looking as report

    perform(json, looking.status, report.status)


@task(help={"json": JSON})
@command
def verify(c: Context, json: bool = False) -> None:
    """Verify images, configuration, command lines, invariants, mounts and users of what runs.

    Exit code 6 with any difference.
    """
    from morphops.app import looking
    from morphops.report.state import state

    perform(json, looking.verify, state)


@task(help={"json": JSON})
@command
def drift(c: Context, json: bool = False) -> None:
    """Compare what runs with the release of record; exit 6 with any difference.

    Kinds: missing, extra, image, config, env keys, unhealthy, pair, invariant.
    """
    from morphops.app import drifting
    from morphops.report import looking as report

    perform(json, drifting.look, report.drift)


@task(
    help={
        "service": "one service (default: all)",
        "tail": "how many of the last lines of each (default: 50)",
        "json": JSON,
    },
)
@command
def logs(c: Context, service: str = "", tail: int = 50, json: bool = False) -> None:
    """Show the last log lines, with secrets taken out."""
    from morphops.app import looking
    from morphops.report import looking as report

    perform(json, lambda site: looking.logs(site, service, tail), report.logs)
