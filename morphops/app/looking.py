"""Use cases that look: status, wait, smoke, history, logs."""

from __future__ import annotations

from typing import Any

from morphops import drift, gates, health, journal, plan, probes, recovery
from morphops.app import agreeing, scene, secrets
from morphops.app.site import Site
from morphops.bundle import Agree
from morphops.engine import Scene
from morphops.errors import (
    DriftFound,
    EngineUnavailable,
    GateFailed,
    InputError,
    MorphopsError,
    PreconditionError,
)
from morphops.journal import Record
from morphops.target import Identity


def status(site: Site) -> dict[str, Any]:
    """The release of record, and for each service what runs, whether it is that, and its health.

    Raises:
        EngineUnavailable: no engine answers; with what is known without it.
    """
    records = site.history.records()
    record = journal.of_record(records)
    cut_off = journal.cut_off(records)
    secrets.learn(site)
    try:
        running = site.target.observe(site.bundle.project)
    except EngineUnavailable as err:
        err.detail += _known(record, cut_off)
        raise
    view: dict[str, Any] = {
        "project": site.bundle.project,
        "state_folder": str(site.state.root),
        "release": record.release if record else "",
        "since": record.ended if record else "",
        "state": "down",
        "services": [_container(c) for c in running.containers],
        "probes": {},
        "differences": [],
        "under_way": _under_way(site),
        "history": agreeing.compare(site)[1] or "",
    }
    if record is None:
        view["state"] = "foreign" if running.containers else "no release"
        return view
    if not running.containers:
        view["differences"] = [] if journal.is_down(records) else ["no container is there"]
        return view
    try:
        ready = scene.reopen(site, site.state.deployment(record.deployment), record.release)
    except EngineUnavailable:
        raise
    except (InputError, PreconditionError) as err:  # what runs is shown all the same
        view["state"] = "unknown"
        view["differences"] = [f"the release of record cannot be compared: {err.what}"]
        return view
    view["differences"] = [
        str(difference)
        for difference in (
            *drift.images(ready.release, ready.services, running),
            *drift.apart(ready.services, running),
        )
    ]
    _expect(view, ready)
    well = health.read(running, tuple(ready.services))
    for name, probe in ready.bundle.probes.items():
        if isinstance(probe, Agree):
            reading = probes.read(probe, ready.world)
            view["probes"][name] = {
                "ready": reading.ready,
                "reason": reading.reason,
                "facts": dict(reading.facts),
            }
    passed = all(probe["ready"] for probe in view["probes"].values())
    whole = well.ready and passed and not view["differences"]
    view["state"] = "healthy" if whole else "unhealthy"
    view["differences"] += health.unwell(running, tuple(ready.services))
    return view


def _known(record: Record | None, cut_off: Record | None) -> tuple[str, ...]:
    """What the history alone says."""
    of_record = record.release if record else "none"
    lines = [f"release of record: {of_record}"]
    if cut_off is not None:
        lines += [recovery.describe(cut_off), f"once the engine is back: {recovery.NEXT}"]
    return tuple(lines)


def _under_way(site: Site) -> dict[str, Any] | None:
    """An operation without an end, if there is one: somebody is at it now, or it was cut off."""
    record = journal.cut_off(site.history.records())
    while record is not None:
        holder = site.lock.holder(site.bundle.project)
        alive = holder is not None and holder.is_at(record)
        # It may have come to its end between the two, and its holder be gone for that.
        found = record if alive else journal.cut_off(site.history.records())
        if found == record:
            return {
                **record.as_json(),
                "alive": alive,
                "holder": str(holder) if alive else "",
                "what": recovery.describe(record),
                "next": "" if alive else recovery.NEXT,
            }
        record = found
    return None


def wait(site: Site) -> dict[str, Any]:
    """Wait until the release of record is healthy and its probes pass.

    Raises:
        GateFailed: with the reason and the last words of what is not ready.
        PreconditionError: it was stopped on purpose, so that waiting is in vain.
    """
    ready = _running_scene(site)
    steps = plan.gates(ready.bundle, ready.services)
    try:
        for number, step in enumerate(steps, start=1):
            site.observer.step(number, len(steps), str(step))
            if isinstance(step, plan.AwaitHealth):
                gates.await_health(step, site.target, site.bundle.project, site.observer)
            elif isinstance(step, plan.Gate):
                probe = ready.bundle.probes[step.probe]
                probes.run(step.probe, probe, ready.world, site.observer.note)
    except GateFailed as err:
        err.state = "nothing was changed"
        err.hint = "inv status; inv logs; inv up --reason=…"
        raise
    return {"state": "healthy", "release": ready.release.digest}


def smoke(site: Site) -> dict[str, Any]:
    """Look once at every probe of what runs.

    Returns:
        probe → what it showed.

    Raises:
        GateFailed: one did not pass; all were looked at.
    """
    ready = _running_scene(site)
    shown: dict[str, Any] = {}
    failed: list[str] = []
    names = [*ready.bundle.checks, *(p for wave in ready.bundle.waves for p in wave.probes)]
    for number, name in enumerate(names, start=1):
        site.observer.step(number, len(names), f"probe {name}")
        reading = probes.read(ready.bundle.probes[name], ready.world)
        site.observer.note(reading.reason)
        shown[name] = {"ready": reading.ready, "reason": reading.reason}
        if not reading.ready:
            failed += [f"{name}: {reading.reason}", *(f"  {line}" for line in reading.details)]
    if failed:
        raise GateFailed(
            "the smoke test failed",
            detail=tuple(failed),
            state="nothing was changed",
            hint="inv status; inv logs; inv rollback --reason=…",
        )
    return {"state": "healthy", "release": ready.release.digest, "probes": shown}


def verify(site: Site) -> dict[str, Any]:
    """Compare what runs with the release of record, as the last step of a deploy does.

    Raises:
        DriftFound: with every difference.
        PreconditionError: nothing is there to compare.
    """
    ready = _running_scene(site)
    try:
        gates.verify(
            ready.release,
            ready.services,
            site.target,
            site.bundle.project,
            rules=ready.bundle.invariants,
            approved=ready.approved,
        )
    except GateFailed as err:
        hint = "inv drift; inv up --reason=…   (brings the release of record)"
        raise DriftFound(
            err.what, detail=err.detail, state="nothing was changed", hint=hint
        ) from None
    return {"state": "verified", "release": ready.release.digest}


def history(site: Site, limit: int) -> dict[str, Any]:
    """The last operations, oldest first; `limit` is at least 1."""
    records = site.history.records()
    return {
        "state_folder": str(site.state.root),
        "operations": [record.as_json() for record in records[-limit:]],
    }


def logs(site: Site, service: str, tail: int) -> dict[str, Any]:
    """The last log lines, redacted.

    Raises:
        InputError: there is no such service.
    """
    secrets.learn(site)
    _must_know_secrets(site)
    running = site.target.observe(site.bundle.project)
    if service and not running.of(service):
        there = ", ".join(running.services) or "none"
        raise InputError(f"no service {service!r} is there (there are: {there})")
    lines: dict[str, list[str]] = {}
    for container in running.containers:
        if service in ("", container.service):
            name = running.names[container.id]
            # Of several in one service each line says which.
            which = "" if name == container.service else f"{name} | "
            said = (f"{which}{line}" for line in site.target.logs(container, tail))
            lines.setdefault(container.service, []).extend(said)
    return {"logs": lines}


def _must_know_secrets(site: Site) -> None:
    """Log lines are redacted with the values that what runs was started with."""
    record = journal.of_record(site.history.records())
    if record is not None:
        try:
            scene.reopen(site, site.state.deployment(record.deployment), record.release)
        except MorphopsError as err:
            raise PreconditionError(
                f"the logs cannot be redacted, so they are not shown: {err.what}", hint=err.hint
            ) from None


def _running_scene(site: Site) -> Scene:
    """What should run, to be compared with what does.

    Raises:
        PreconditionError: nothing should: nothing was deployed yet, or it was stopped on purpose.
    """
    secrets.learn(site)
    records = site.history.records()
    record = journal.of_record(records)
    if record is None:
        raise PreconditionError(
            "there is no release of record here", hint="inv deploy --image=sha256:<release>"
        )
    if journal.is_down(records) and not site.target.observe(site.bundle.project).containers:
        when = next(r.ended for r in reversed(records) if r.outcome == "stopped")
        raise PreconditionError(
            f"{site.bundle.project} is down since {when}: inv down stopped it",
            state="nothing was changed",
            hint="inv up --reason=…",
        )
    return scene.reopen(site, site.state.deployment(record.deployment), record.release)


def _container(container: Any) -> dict[str, Any]:
    return {
        "service": container.service,
        "state": container.state,
        "health": container.health,
        "created_by": container.release,
        "image": {"kind": container.image.kind, "digest": container.image.digest},
        "ports": [f"{p.host or '*'}:{p.published}" for p in container.ports],
    }


def _expect(view: dict[str, Any], ready: Scene) -> None:
    """Beside each container's image, that of the release, in the same kind of digest."""
    images = {str(image.ref): image for image in ready.release.images}
    for row in view["services"]:
        service = ready.services.get(row["service"])
        if service is not None:
            image, found = images[service.image], Identity(**row["image"])
            row["image"]["released"] = found.expected(image)
            row["image"]["matches"] = found.is_of(image)
