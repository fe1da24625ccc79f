"""What a plan waits for: health, that it lasts, and that what runs is what was released."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from morphops.adapters.probes import ProbeContext, read
from morphops.core.plan.steps import AwaitHealth
from morphops.core.probes.specs import Probe
from morphops.core.stack import Instance, Running
from morphops.core.verify import drift, health
from morphops.core.verify.drift import Difference
from morphops.core.verify.reading import Reading
from morphops.errors import GateFailed, MorphopsError
from morphops.interfaces import Notes, Say, Workloads
from morphops.operations.pipeline import inside
from morphops.operations.pipeline.prepare import PreparedRelease


def run(name: str, probe: Probe, world: ProbeContext, say: Say) -> Reading:
    """Look until the probe is ready.

    Raises:
        GateFailed: it was not within its deadline. It says the last reason, and the last log lines
            of the services whose answers it judges: the cause may stand there alone.
    """
    patience, asks = probe.patience, probe.asks
    try:
        return await_ready(
            name, lambda: read(probe, world), patience.deadline, patience.interval, say
        )
    except GateFailed as err:
        if not asks.services:
            raise
        logged = last_log_lines(world, (*asks.services, *asks.judges))
        raise err.with_(detail=(*err.detail, *logged)) from None


def last_log_lines(world: ProbeContext, services: tuple[str, ...]) -> tuple[str, ...]:
    """The last log lines of some services, as far as they can be read."""
    lines: list[str] = []
    with suppress(MorphopsError):
        running = world.running()
        end = time.monotonic() + _LOG_PATIENCE
        for container in running.containers:
            if container.service in services and time.monotonic() < end:
                logged = world.target.logs(container, _FEW_LINES)
                lines.append(f"last log lines of {running.names[container.id]}:")
                lines += [f"  {health.in_a_line(line)}" for line in logged] or ["  (none)"]
    return tuple(lines)


def await_ready(
    name: str,
    look: Callable[[], Reading],
    deadline: float,
    interval: float,
    say: Say,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Reading:
    """Look again and again until ready, final, or out of time.

    Args:
        name: the probe's name, for messages.
        look: one reading.
        deadline, interval: seconds; with deadline 0 there is one look.
        say: is told the reason whenever it changes.
        clock, sleep: monotonic time.

    Raises:
        GateFailed: with the last reason.
    """
    end = clock() + deadline
    told = ""
    while True:
        reading = look()
        if reading.ready:
            return reading
        if reading.final or not deadline or clock() + interval > end:
            waited = "" if reading.final or not deadline else f" within {deadline:g} s"
            raise GateFailed(
                f"probe {name} did not pass{waited}: {reading.reason}", detail=reading.details
            )
        if reading.reason != told:
            told = reading.reason
            say(f"{name}: {told}")
        sleep(interval)


_RELOOK = 5.0  # seconds; looks again even if no event came, should the stream have been cut

_RECHECK = 0.5

_LOG_LINES = 15
_FEW_LINES = 5  # of a service that is healthy, where a probe fails
_LOG_PATIENCE = 30.0  # seconds for all of them

# Differences that predate the failed deploy must not fail the rollback.
_ONLY_TOLD = ("invariant", "network", "altered")
_NOT_OURS = ("extra", True)  # whose container no release created


def await_health(
    step: AwaitHealth,
    workloads: Workloads,
    project: str,
    observer: Notes,
    without: Collection[str] = (),
) -> Running:
    """Wait for health by the target's events.

    Args:
        step: whose, and how long.
        workloads, project: where.
        observer: is told what is waited for.
        without: ids of containers that are on their way out.

    Returns:
        what was there when all were healthy.

    Raises:
        GateFailed: with the last health output and the last log lines of what is not ready.
    """
    end = time.monotonic() + step.deadline
    told = ""
    restarts: dict[str, int] = {}
    with workloads.watch(project) as watch:
        while True:
            running = workloads.observe(project).in_slot(step.slot)
            running = Running(tuple(c for c in running.containers if c.id not in without))
            for container in running.containers:
                restarts.setdefault(container.id, container.restarts)
            reading = health.read(running, step.services, earlier=step.earlier, restarts=restarts)
            if reading.ready:
                return running
            left = end - time.monotonic()
            if reading.final or left <= 0:
                waited = "" if reading.final else f" within {step.deadline:g} s"
                raise GateFailed(
                    f"not healthy{waited}: {reading.reason}",
                    detail=evidence(running, (*step.earlier, *step.services), workloads),
                )
            if reading.reason != told:
                told = reading.reason
                observer.waiting(told)
            watch.wait(min(left, _RELOOK))


def await_lasting(
    settle: float,
    passed: Mapping[str, Instance],
    services: tuple[str, ...],
    workloads: Workloads,
    project: str,
    observer: Notes,
) -> None:
    """Wait until each service has passed its health check once more than its gate needed.

    With `settle` 0 one look has to do: each is ready still, and what it was.

    Raises:
        GateFailed: one did not stay what it was.
    """
    begun = time.monotonic()
    told = ""
    with workloads.watch(project) as watch:
        while True:
            running = workloads.observe(project)
            waited = time.monotonic() - begun
            if settle:
                again = waited < settle
                reading = health.lasts(passed, running, services, checked_again=again)
                left = health.patience(passed, running, settle) - waited
            else:
                reading, left = health.stays(passed, running, services), 0.0
            if reading.ready:
                return
            if reading.final or left <= 0:
                raise GateFailed(
                    f"health did not last: {reading.reason}",
                    detail=evidence(running, services, workloads),
                )
            if reading.reason != told:
                told = reading.reason
                observer.waiting(told)
            # That a check passed once more is not an event.
            watch.wait(min(left, _RECHECK))


def evidence(running: Running, services: tuple[str, ...], workloads: Workloads) -> tuple[str, ...]:
    """What each container that is not ready was asked, and its last log lines; redacted."""
    lines: list[str] = []
    end = time.monotonic() + _LOG_PATIENCE
    for container in running.containers:
        if container.service not in services or container.ready:
            continue
        name = running.names[container.id]
        lines += health.last_check(name, container)
        lines.append(f"last log lines of {name}:")
        if time.monotonic() >= end:
            lines.append("  (not read: the engine is slow, and what ran before is waiting)")
            continue
        logged = workloads.logs(container, _LOG_LINES)
        lines += [f"  {health.in_a_line(line)}" for line in logged] or ["  (none)"]
    return tuple(lines)


def verify(
    prepared: PreparedRelease,
    workloads: Workloads,
    project: str,
    *,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Compare what runs with the release: images, configuration, and how each was started.

    Args:
        prepared: what has to run.
        workloads, project: where.
        tell: reports broken invariants, what was changed by hand and containers that
            no release created, where these are to fail nothing.

    Raises:
        GateFailed: it is something else; with every difference.
    """
    running = workloads.observe(project)
    found: tuple[Difference, ...] = (
        *drift.compare(
            prepared.release,
            prepared.services,
            running,
            workloads.launch_configs(running),
            rules=prepared.bundle.invariants,
            approved=prepared.approved,
        ),
        *inside.differences(prepared, workloads, running),
    )
    if tell is not None:
        strangers = {c.service for c in running.containers if not c.managed}
        mild = [
            d
            for d in found
            if d.kind in _ONLY_TOLD or (d.kind, d.subject in strangers) == _NOT_OURS
        ]
        for difference in mild:
            tell(str(difference))
        found = tuple(difference for difference in found if difference not in mild)
    if found:
        raise GateFailed(
            "what runs is not what was released",
            detail=tuple(map(str, found)),
        )
