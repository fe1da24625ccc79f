"""Looks at what lies inside of containers, and at what was changed of them after their creation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from morphops.core.jobs import staying
from morphops.core.seal import Seal
from morphops.core.stack import Instance, LaunchConfig, Running, Service
from morphops.core.verify import contents, drift
from morphops.core.verify.drift import Difference
from morphops.interfaces import Workloads
from morphops.operations.pipeline.prepare import PreparedRelease


def differences(
    prepared: PreparedRelease, workloads: Workloads, running: Running
) -> tuple[Difference, ...]:
    """Read each config and secret that a container has a copy of, and compare it by its digest.

    Args:
        prepared: what has to run.
        workloads: where.
        running: what was observed there.
    """
    seal, wrong = prepared.stack.seal, prepared.beside.wrong()
    return tuple(
        difference
        for name in staying(prepared.services)
        for container in running.of(name)
        for difference in (
            *contents.compare(
                prepared.services[name],
                _read(prepared.services[name], container, workloads, seal),
            ),
            *contents.carried(prepared.services[name], wrong),
        )
    )


def noticed(
    prepared: PreparedRelease,
    workloads: Workloads,
    running: Running,
    shapes: Mapping[str, LaunchConfig],
) -> Running:
    """Return what runs, with what was changed of it after it was created from this release.

    Args:
        prepared: what is to run.
        workloads: where.
        running: what was observed there.
        shapes: how each container was started, by id.
    """
    # A copy that is gone was not changed: what is mounted is as it was.
    altered = {path for path, digest in prepared.beside.wrong().items() if digest}

    def look(container: Instance) -> Instance:
        service = prepared.services.get(container.service)
        if (
            service is None
            or service.job is not None
            or service.config != container.config
            or container.id not in shapes
        ):
            return container  # it is replaced, or removed
        wanted, found = service.launch, shapes[container.id]
        variables = (f"environment.{name}" for name in drift.other_values(wanted, found))
        copies = _read(service, container, workloads, prepared.stack.seal)
        files = {f"{content.kind}s" for content in contents.others(service, copies)}
        files |= {str(content) for content in service.contents if content.source in altered}
        return replace(
            container, altered=(*drift.settings(wanted, found), *variables, *sorted(files))
        )

    return Running(tuple(look(container) for container in running.containers))


def _read(
    service: Service, container: Instance, workloads: Workloads, seal: Seal
) -> dict[str, str]:
    """Place inside → digest of what lies there; empty for nothing."""
    found = {}
    for content in contents.readable(service):
        data = workloads.read_file(container, content.inside)
        found[content.inside] = "" if data is None else seal.digest(data)
    return found
