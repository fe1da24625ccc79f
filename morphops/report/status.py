"""What runs, beside what was released."""

from __future__ import annotations

from morphops.core.release.digest import short
from morphops.core.results.status import Incomplete, RunningService, Status
from morphops.report.console import Reporter

_MATCHES = {True: "yes", False: "no", None: "?"}


def status(reporter: Reporter, result: Status) -> None:
    """Show the release of record, and what really runs."""
    release = result.release or f"none (state folder: {result.state_folder})"
    since = f" (since {result.since})" if result.since else ""
    reporter.say(f"{result.project}: {result.state}")
    reporter.say(f"release of record: {release}{since}")
    jobs = {job.service for job in result.jobs}
    if result.services or jobs:
        heads = ("service", "state", "health", "as released", "image", "created by", "ports")
        rows = [_row(service) for service in result.services if service.service not in jobs]
        rows += [(job.service, job.text, "", "", "", "", "") for job in result.jobs]
        reporter.table(heads, rows)
    for name, probe in result.probes.items():
        reporter.say(f"{name}: {probe.reason}")
    for difference in result.differences:
        reporter.say(f"difference: {difference}")
    if result.history:
        reporter.say(f"the history here is not the engine's: {result.history}")
        reporter.say("next: inv history.adopt --reason=…, or the state folder that it belongs to")
    if result.under_way is not None:
        _under_way(reporter, result.under_way)


def _row(service: RunningService) -> tuple[str, ...]:
    return (
        service.name,
        service.state,
        service.health,
        _MATCHES[service.image.matches],
        short(service.image.digest),
        short(service.created_by) or "-",
        " ".join(service.ports) or "-",
    )


def _under_way(reporter: Reporter, operation: Incomplete) -> None:
    if operation.alive:
        reporter.say(f"under way: {operation.holder}")
    else:
        reporter.say(operation.what)
        reporter.say(f"next: {operation.next}")
