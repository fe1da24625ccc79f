"""`inv status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime

from morphops.adapters import probes
from morphops.core.history import jobs, operations, recovery
from morphops.core.history.jobs import JobRun
from morphops.core.history.operations import Past, Record
from morphops.core.jobs import of, staying
from morphops.core.results.status import (
    Incomplete,
    JobFacts,
    JobState,
    ProbeFacts,
    RunningImage,
    RunningService,
    Status,
)
from morphops.core.stack import Instance, Running, Service
from morphops.core.verify import drift, health
from morphops.core.when import ago
from morphops.errors import EngineUnavailable, InputError, PreconditionError
from morphops.operations.pipeline import history_check, prepare, secrets
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.site import Site


def status(site: Site) -> Status:
    """Compare what runs, service by service, with the release of record, and read its health.

    Raises:
        EngineUnavailable: no engine answers; with what is known without it.
    """
    past = site.history.past()
    record = operations.deployment_of_record(past)
    interrupted = operations.incomplete_operation(past)
    secrets.learn_secrets(site)
    try:
        running = site.platform.workloads.observe(site.bundle.project)
    except EngineUnavailable as err:
        raise err.with_(detail=(*err.detail, *_known(record, interrupted))) from None
    shown = Status(
        state="down",
        project=site.bundle.project,
        state_folder=str(site.state.root),
        release=record.release if record else "",
        since=record.ended if record else "",
        services=tuple(_service(c, running.names[c.id]) for c in running.containers),
        probes={},
        differences=(),
        under_way=_incomplete(site),
        history=history_check.compare(site) or "",
    )
    if record is None:
        return replace(shown, state="foreign" if running.containers else "no release")
    if not running.containers:
        stopped = operations.is_down(past)
        return replace(shown, differences=() if stopped else ("no container is there",))
    try:
        ready = prepare.reopen(site, site.state.deployment(record.deployment), record.release)
    except EngineUnavailable:
        raise
    except (InputError, PreconditionError) as err:  # what runs is shown anyway
        why = f"the release of record cannot be compared: {err.what}"
        return replace(shown, state="unknown", differences=(why,))
    return _compared(replace(shown, jobs=_jobs(past, ready, running)), ready, running)


def _jobs(past: Past, ready: PreparedRelease, running: Running) -> tuple[JobFacts, ...]:
    """Return how each job of the release of record came out, and when."""
    runs = jobs.runs(past)
    return tuple(
        _job(ready.services[name], running, runs, datetime.now(UTC)) for name in of(ready.services)
    )


def _job(service: Service, running: Running, runs: Sequence[JobRun], now: datetime) -> JobFacts:
    """Return what is known of a job: by its container, else by the history."""
    own = [c for c in running.of(service.name) if c.config == service.config]
    run = next((r for r in runs if (r.service, r.config) == (service.name, service.config)), None)
    state: JobState = "unknown"
    code, at = None, ""
    if own and own[0].state in ("exited", "dead"):
        code, at = own[0].exit_code, own[0].ended
        state = "done" if own[0].succeeded else "failed"
    elif own and own[0].state != "created":
        state = "at work"
    elif run is not None and not run.undone:
        state, code, at = "done", 0, run.at
    words = [state, *([str(code)] if code is not None else [])]
    if at:
        words.append(ago((now - datetime.fromisoformat(at)).total_seconds()))
    return JobFacts(service=service.name, state=state, exit_code=code, at=at, text=", ".join(words))


def _compared(shown: Status, ready: PreparedRelease, running: Running) -> Status:
    """Return the status with what runs beside what was released."""
    found = (
        *drift.images(ready.release, ready.services, running),
        *drift.missing_networks(ready.services, running),
        *drift.unended_jobs(ready.services, running),
    )
    readings = {
        name: probes.read(probe, ready.context)
        for name, probe in ready.bundle.probes.items()
        if probe.watched
    }
    names = staying(ready.services)
    passed = all(reading.ready for reading in readings.values())
    healthy = health.read(running, names).ready and passed and not found
    return replace(
        shown,
        state="healthy" if healthy else "unhealthy",
        services=tuple(_service(c, running.names[c.id], ready) for c in running.containers),
        probes={
            name: ProbeFacts(ready=r.ready, reason=r.reason, facts=dict(r.facts))
            for name, r in readings.items()
        },
        differences=(*map(str, found), *health.unwell(running, names)),
    )


def _known(record: Record | None, interrupted: Record | None) -> tuple[str, ...]:
    """What the history alone says."""
    of_record = record.release if record else "none"
    lines = [f"release of record: {of_record}"]
    if interrupted is not None:
        lines += [recovery.describe(interrupted), f"once the engine is back: {recovery.NEXT}"]
    return tuple(lines)


def _incomplete(site: Site) -> Incomplete | None:
    """Return the operation without an end, if there is one."""
    record = operations.incomplete_operation(site.history.past())
    while record is not None:
        holder = site.platform.lock.holder(site.bundle.project)
        alive = holder is not None and holder.owns(record)
        # It may have come to its end between the two, and its holder be gone for that.
        found = record if alive else operations.incomplete_operation(site.history.past())
        if found == record:
            return Incomplete(
                **{field.name: getattr(record, field.name) for field in fields(record)},
                alive=alive,
                holder=str(holder) if alive else "",
                what=recovery.describe(record),
                next="" if alive else recovery.NEXT,
            )
        record = found
    return None


def _service(instance: Instance, name: str, ready: PreparedRelease | None = None) -> RunningService:
    """Return a container as it is shown, with the release's image in the same kind of digest."""
    image = RunningImage(kind=instance.image.kind, digest=instance.image.digest)
    service = ready.services.get(instance.service) if ready else None
    if ready is not None and service is not None:
        released = next(i for i in ready.release.images if str(i.ref) == service.image)
        image = replace(
            image,
            released=instance.image.expected(released),
            matches=instance.image.is_of(released),
        )
    return RunningService(
        service=instance.service,
        name=name,
        state=instance.state,
        health=instance.health,
        created_by=instance.release,
        image=image,
        ports=tuple(f"{port.host or '*'}:{port.published}" for port in instance.ports),
    )
