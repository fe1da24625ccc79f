"""Judges health: an observation in, a verdict out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from morphops.core.stack import HealthCheck, Instance, Running
from morphops.core.verify.reading import Reading

# Restarted automatically this often within one wait, a service will not become healthy.
_CRASH_LOOP = 2
# After it was ready, so many checks that failed are no hiccup.
_BY_TURNS = 2
# And so many that pass, one after the other, make up for one that failed.
_IN_A_ROW = 2
_LONGEST = 180.0  # seconds more for these, at most
_LINE = 200  # characters of a line of evidence
_OUTPUT_LINES = 5  # of a health check
_NO_PATIENCE_HELPS = ("exited", "dead", "paused")


def read(
    running: Running,
    services: Sequence[str],
    *,
    earlier: Sequence[str] = (),
    restarts: Mapping[str, int] | None = None,
) -> Reading:
    """Whether all of these services are ready.

    A service that ends again and again, or whose health check gave up, is final: waiting longer
    only hides the reason.

    Args:
        running: what is there.
        services: those that are waited for.
        earlier: those that were ready before, and have to be still.
        restarts: container → how often it had been started again when the wait began.
    """
    waiting = []
    for service in (*earlier, *services):
        containers = running.of(service)
        if not containers and service in earlier:
            return Reading(False, f"{service} has no container any more", final=True)
        if not containers:
            waiting.append(f"{service} has no container yet")
        for container in containers:
            if container.ready:
                continue
            if broken(container, (restarts or {}).get(container.id, 0)):
                return Reading(False, explain(container), final=True)
            waiting.append(explain(container))
    if waiting:
        return Reading(False, "; ".join(waiting))
    return Reading(True, f"healthy: {', '.join(services)}")


def stays(passed: Mapping[str, Instance], running: Running, services: Sequence[str]) -> Reading:
    """Whether what was ready at its gate is so still: the container that it was, never ended since.

    Args:
        passed: container → what it was when it passed its gate.
        running: what is there now.
        services: all that were gated.
    """
    for service in services:
        containers = running.of(service)
        if not containers:
            return Reading(False, f"{service} has no container any more", final=True)
        for container in containers:
            before = passed.get(container.id)
            if before is None:
                what = f"{service} is another container than the one that was ready"
                return Reading(False, what, final=True)
            if container.restarts > before.restarts:
                what = f"{service} was ready, ended, and was restarted"
                return Reading(False, what, final=True)
            if not container.ready:
                what = f"{explain(container)}, after it was ready"
                return Reading(False, what, final=broken(container, before.restarts))
    return Reading(True, "all stay healthy")


def lasts(
    passed: Mapping[str, Instance],
    running: Running,
    services: Sequence[str],
    *,
    checked_again: bool = True,
) -> Reading:
    """Whether what was ready at its gate stays so, and was not so by luck.

    Where health comes and goes, one look that finds it is worth nothing. So each must have been
    checked again since, and passed: twice in a row where it failed in between.

    Args:
        passed, running, services: see `stays`.
        checked_again: whether one that was not checked since its gate still has to be.
    """
    reading = stays(passed, running, services)
    if not reading.ready:
        return reading
    waiting = []
    for service in services:
        for container in running.of(service):
            if not container.checks:  # it has no health check: that it runs is all there is to know
                continue
            since = _since(passed[container.id], container)
            if checked_again and not since:
                waiting.append(f"{service} was not checked again yet")
            elif not all(check.passed for check in since[-_IN_A_ROW:]):
                what = f"{service} is healthy and is not, by turns"
                if sum(not check.passed for check in since) >= _BY_TURNS:
                    return Reading(False, what, final=True)
                waiting.append(what)
    return Reading(False, "; ".join(waiting)) if waiting else reading


def patience(passed: Mapping[str, Instance], running: Running, settle: float) -> float:
    """Seconds in which health has to prove that it lasts.

    One failed check is forgiven where the next ones pass. So there has to be time for those,
    however far apart this container's checks are.

    Args:
        passed, running: see `stays`.
        settle: what the bundle says.
    """
    stumbled = (
        container.healthcheck_interval
        for container in running.containers
        if container.id in passed
        and not all(check.passed for check in _since(passed[container.id], container))
    )
    return settle + min(_IN_A_ROW * max(stumbled, default=0.0), _LONGEST)


def _since(before: Instance, container: Instance) -> tuple[HealthCheck, ...]:
    """The checks after those that it had passed its gate with; the engine keeps only the last."""
    if not before.checks or before.checks[-1] not in container.checks:
        return container.checks
    return container.checks[container.checks.index(before.checks[-1]) + 1 :]


def broken(container: Instance, restarts: int = 0) -> bool:
    """Whether waiting for this container is useless; `restarts` are those that do not count."""
    return (
        container.state in _NO_PATIENCE_HELPS
        or container.restarts - restarts >= _CRASH_LOOP
        or container.health == "unhealthy"
    )


def unwell(running: Running, services: Sequence[str]) -> tuple[str, ...]:
    """Why each container of these services that is not ready is not."""
    return tuple(
        explain(container)
        for service in services
        for container in running.of(service)
        if not container.ready
    )


def last_check(name: str, container: Instance) -> tuple[str, ...]:
    """What the health check of a container ran, when, and what came of it, in lines.

    Args:
        name: what to call it.
        container: of one that is still starting, too.
    """
    ran = [f"  it runs: {in_a_line(container.healthcheck)}"] if container.healthcheck else []
    said = container.health_output.strip()
    if not container.checks and not said:
        return (f"no health check of {name} has ended yet", *ran) if ran else ()
    when = "".join(f", begun {c.at}, exit {c.exit_code}" for c in container.checks[-1:])
    output = said or "".join(c.output for c in container.checks[-1:]).strip() or "(no output)"
    lines = [f"  {in_a_line(line)}" for line in output.splitlines()[-_OUTPUT_LINES:]]
    return (f"last health check of {name}{when}:", *ran, *lines)


def in_a_line(text: str) -> str:
    """A text in one line that is not too long to be read."""
    text = " ".join(text.split())
    return text if len(text) <= _LINE else f"{text[: _LINE - 1]}…"


def explain(container: Instance) -> str:
    """Why a container is not ready, in a few words."""
    if container.state in ("exited", "dead"):
        return f"{container.service} exited with {container.exit_code}"
    if container.restarts or container.state == "restarting":
        times = "once" if container.restarts == 1 else f"{container.restarts} times"
        # Of one that runs again the engine no longer says how it ended.
        ended = "" if container.state == "running" else f", exit {container.exit_code}"
        return f"{container.service} ends and is started again ({times}{ended})"
    if container.state != "running":
        return f"{container.service} is {container.state}"
    said = " ".join(container.health_output.split())
    return f"{container.service} is {container.health}" + (f": {said[:160]}" if said else "")
