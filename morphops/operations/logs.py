"""`inv logs`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from morphops.core.history import operations
from morphops.core.results.logs import Logs
from morphops.core.stack import Instance, Running
from morphops.errors import InputError, MorphopsError, PreconditionError
from morphops.operations.pipeline import prepare, secrets
from morphops.site import Site

# How long ago, or when (RFC 3339), as far as an engine takes both.
_SINCE = re.compile(
    r"(\d+(\.\d+)?[hms])+|\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?"
)


def logs(site: Site, services: Sequence[str], tail: int, *, since: str = "") -> Logs:
    """Return the last log lines, redacted.

    Args:
        site: where.
        services: of which; all without.
        tail: how many lines of each container, at most.
        since: only lines after that: `10m`, or a time (RFC 3339).

    Raises:
        InputError: there is no such service, or `since` is no time.
    """
    running = _of(site, services, since)
    lines: dict[str, list[str]] = {}
    for container in running.containers:
        which = _which(running, container)
        said = site.platform.workloads.logs(container, tail, since)
        lines.setdefault(container.service, []).extend(f"{which}{line}" for line in said)
    return Logs(logs={name: tuple(said) for name, said in lines.items()})


def follow(
    site: Site,
    services: Sequence[str],
    tail: int,
    *,
    since: str = "",
    say: Callable[[str, str], None],
) -> Logs:
    """Tell the last log lines, redacted, and each further one until the containers end.

    A container that is replaced meanwhile has ended.

    Args:
        site, services, tail, since: see `logs`.
        say: told the service, and the line.

    Raises:
        InputError: see `logs`.
    """
    running = _of(site, services, since)

    def tell(container: Instance, line: str) -> None:
        say(container.service, f"{_which(running, container)}{line}")

    with suppress(KeyboardInterrupt, BrokenPipeError):  # how a person, or `| head`, ends it
        site.platform.workloads.follow(running.containers, tail, since, tell)
    return Logs(logs={})


def _of(site: Site, services: Sequence[str], since: str) -> Running:
    """What is there of some services, once what they write can be redacted."""
    if since and not _SINCE.fullmatch(since):
        raise InputError(
            f"--since={since}: write how long ago (90s, 10m, 2h) or a time (2030-12-31T08:00:00Z)"
        )
    secrets.learn_secrets(site)
    _must_know_secrets(site)
    running = site.platform.workloads.observe(site.bundle.project)
    for service in services:
        if not running.of(service):
            there = ", ".join(running.services) or "none"
            raise InputError(f"no service {service!r} is there (there are: {there})")
    wanted = [c for c in running.containers if not services or c.service in services]
    return Running(tuple(wanted))


def _which(running: Running, container: Instance) -> str:
    """Of several containers in one service, which one a line is of."""
    name = running.names[container.id]
    return "" if name == container.service else f"{name} | "


def _must_know_secrets(site: Site) -> None:
    """Log lines are redacted with the values that what runs was started with."""
    record = operations.deployment_of_record(site.history.past())
    if record is not None:
        try:
            prepare.reopen(site, site.state.deployment(record.deployment), record.release)
        except MorphopsError as err:
            raise PreconditionError(
                f"the logs cannot be redacted, so they are not shown: {err.what}", hint=err.hint
            ) from None


def refuse_json(json: bool) -> None:
    """Refuse one JSON object of lines that have no end.

    Raises:
        InputError: it was asked for.
    """
    if json:
        raise InputError(
            "--follow writes lines as they come, and --json one object at the end",
            hint="leave one of them out",
        )
