"""`inv status`."""

from __future__ import annotations

from typing import Any

from morphops.adapters import probes
from morphops.core.history import operations, recovery
from morphops.core.history.operations import Record
from morphops.core.stack import Identity
from morphops.core.verify import drift, health
from morphops.errors import EngineUnavailable, InputError, PreconditionError
from morphops.operations.pipeline import history_check, prepare, secrets
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.site import Site


def status(site: Site) -> dict[str, Any]:
    """The release of record, and for each service what runs, whether it is that, and its health.

    Raises:
        EngineUnavailable: no engine answers; with what is known without it.
    """
    records = site.history.records()
    record = operations.deployment_of_record(records)
    cut_off = operations.incomplete_operation(records)
    secrets.learn_secrets(site)
    try:
        running = site.platform.workloads.observe(site.bundle.project)
    except EngineUnavailable as err:
        raise err.with_(detail=(*err.detail, *_known(record, cut_off))) from None
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
        "history": history_check.compare(site)[1] or "",
    }
    if record is None:
        view["state"] = "foreign" if running.containers else "no release"
        return view
    if not running.containers:
        view["differences"] = [] if operations.is_down(records) else ["no container is there"]
        return view
    try:
        ready = prepare.reopen(site, site.state.deployment(record.deployment), record.release)
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
            *drift.missing_networks(ready.services, running),
        )
    ]
    _expect(view, ready)
    well = health.read(running, tuple(ready.services))
    for name, probe in ready.bundle.probes.items():
        if probe.watched:
            reading = probes.read(probe, ready.context)
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
    record = operations.incomplete_operation(site.history.records())
    while record is not None:
        holder = site.platform.lock.holder(site.bundle.project)
        alive = holder is not None and holder.owns(record)
        # It may have come to its end between the two, and its holder be gone for that.
        found = record if alive else operations.incomplete_operation(site.history.records())
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


def _container(container: Any) -> dict[str, Any]:
    return {
        "service": container.service,
        "state": container.state,
        "health": container.health,
        "created_by": container.release,
        "image": {"kind": container.image.kind, "digest": container.image.digest},
        "ports": [f"{p.host or '*'}:{p.published}" for p in container.ports],
    }


def _expect(view: dict[str, Any], ready: PreparedRelease) -> None:
    """Beside each container's image, that of the release, in the same kind of digest."""
    images = {str(image.ref): image for image in ready.release.images}
    for row in view["services"]:
        service = ready.services.get(row["service"])
        if service is not None:
            image, found = images[service.image], Identity(**row["image"])
            row["image"]["released"] = found.expected(image)
            row["image"]["matches"] = found.is_of(image)
