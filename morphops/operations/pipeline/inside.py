"""Looks at what lies inside of containers: the configs and secrets that they were given."""

from __future__ import annotations

from morphops.core.stack import Running
from morphops.core.verify import contents
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
    seal = prepared.stack.seal
    found: dict[tuple[str, str], str] = {}
    for name, service in prepared.services.items():
        for container in running.of(name):
            for content in contents.readable(service):
                data = workloads.read_file(container, content.inside)
                digest = "" if data is None else seal.digest(data)
                found[container.id, content.inside] = digest
    return tuple(contents.compare(prepared.services, running, found))
