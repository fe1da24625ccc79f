"""What only one container can have at a time (a port, a name, an address), and who has it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from morphops.core.stack import Instance, Port, Running, Service

HOLDING = ("running", "paused", "restarting")  # what is stopped has let its ports go
# All addresses of one family; an empty one is all of both.
_ALL = ("0.0.0.0", "::")  # noqa: S104


def moves(services: Mapping[str, Service], running: Running) -> tuple[tuple[str, str], ...]:
    """What moves between services of a stack: who has it, and who is to have it.

    To start the one that is to have it fails for as long as the other has it. So who has it goes
    first, in whatever wave it is.

    Args:
        services: as they are to run.
        running: what is there.

    Returns:
        (holder, taker) of each, sorted.
    """
    found = {
        (container.service, name)
        for container in running.containers
        if (holder := services.get(container.service)) and container.config != holder.config
        for name, service in services.items()
        if name != container.service and _has_what(container, service)
    }
    return tuple(sorted(found))


def holders(services: Mapping[str, Service], running: Running) -> Iterator[str]:
    """Those of some services that have what another one is to have; each once, sorted."""
    yield from dict.fromkeys(holder for holder, _ in moves(services, running))


def _has_what(container: Instance, service: Service) -> bool:
    """Whether a container has what a service needs for itself."""
    if service.needs.container_name and service.needs.container_name == container.name:
        return True
    if service.needs.addresses & container.addresses:
        return True
    return container.state in HOLDING and any(
        keeps_from(held, wanted) for held in container.ports for wanted in service.ports
    )


def keeps_from(held: Port, wanted: Port) -> bool:
    """Whether the one port cannot be taken while the other is held."""
    if (held.published, held.protocol) != (wanted.published, wanted.protocol):
        return False
    hosts = (held.host, wanted.host)
    if "" in hosts or held.host == wanted.host:
        return True
    same_family = (":" in held.host) == (":" in wanted.host)
    return same_family and any(host in _ALL for host in hosts)
