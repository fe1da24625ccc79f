"""What must be true before a plan begins; each refusal says what to do. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from morphops.core.bundle.schema import Bundle
from morphops.core.release.release import Release
from morphops.core.stack import Instance, Port, Running, Service
from morphops.core.verify import health
from morphops.errors import InputError, PreconditionError


def refuse_foreign(bundle: Bundle, running: Running) -> None:
    """Refuse to touch containers that plain Compose, or somebody else, started.

    Raises:
        PreconditionError: there are some.
    """
    foreign = [c for c in running.containers if not c.managed]
    if foreign:
        # To take everything down would take what a release brought as well.
        beside = len(foreign) < len(running.containers)
        remove = f"docker rm -f {' '.join(c.id[:12] for c in foreign)}"
        down = f"docker compose -p {bundle.project} down"
        raise PreconditionError(
            f"project {bundle.project} has containers that no release created: "
            f"{', '.join(sorted({c.service for c in foreign}))}",
            state="nothing was changed",
            hint=f"{remove if beside else down}   (then try again)",
        )


def refuse_other_networks(
    services: Mapping[str, Service], running: Running, there: Mapping[str, str]
) -> None:
    """Refuse to go on with networks that were made in another way than the release says.

    The target would keep them as they are. To make them anew everything on them has to stop, and
    that is for a person to decide.
    """
    wanted = {n.name: n.config for service in services.values() for n in service.networks}
    other = tuple(
        sorted(
            name
            for name, config in wanted.items()
            if config and there.get(name) and there[name] != config
        )
    )
    if other:
        raise PreconditionError(
            f"the release defines the network {', '.join(other)} in another way than it was made",
            state="nothing was changed",
            hint="inv down   (stops what runs and removes its networks; then try again)"
            if running.containers
            else f"docker network rm {' '.join(other)}   (then try again)",
        )


def taken_ports(
    services: Mapping[str, Service], running: Running, taken: Collection[tuple[str, int, str]]
) -> tuple[str, ...]:
    """Ports that somebody else holds.

    Args:
        services: what is to run.
        running: what is there: a port that the project holds itself is no obstacle.
        taken: (host, port, protocol) of those that somebody has, us included.
    """
    # What is stopped has let its ports go.
    own = [port for c in running.containers if c.state in _HOLDING for port in c.ports]
    return tuple(
        f"{name}: port {port} is taken by another process"
        for name, service in services.items()
        for port in service.ports
        if (port.host, port.published, port.protocol) in taken
        and not any(_keeps_from(held, port) for held in own)
    )


_HOLDING = ("running", "paused", "restarting")

# All addresses of one family; an empty one is all of both.
_ALL = ("0.0.0.0", "::")  # noqa: S104


def _keeps_from(held: Port, wanted: Port) -> bool:
    """Whether nobody can have the one port while the other is held."""
    if (held.published, held.protocol) != (wanted.published, wanted.protocol):
        return False
    hosts = (held.host, wanted.host)
    if "" in hosts or held.host == wanted.host:
        return True
    same_family = (":" in held.host) == (":" in wanted.host)
    return same_family and any(host in _ALL for host in hosts)


def refuse_misfit(bundle: Bundle, release: Release, services: Mapping[str, Service]) -> None:
    waves = {name for wave in bundle.waves for name in wave.services}
    known = {str(image.ref) for image in release.images}
    findings = [
        f"{name}: stands in no wave of the bundle" for name in services if name not in waves
    ]
    findings += [
        f"{name}: image {service.image!r} is none of the release's"
        for name, service in services.items()
        if service.image not in known
    ]
    findings += [
        f"{name}: has a scale of 0, and a release runs every service; give it a profile instead"
        for name, service in services.items()
        if service.replicas == 0
    ]
    # Its health gate would wait for what ends, once the first containers are touched.
    findings += [
        f"{name}: waits for {other} to end, and each service of a release has to stay up"
        for name, service in services.items()
        for other in sorted(service.waits_for_completion)
    ]
    if findings:
        raise InputError(
            f"release {release.short} does not fit together",
            detail=tuple(findings),
            state="nothing was changed",
        )


def paused(services: Mapping[str, Service], running: Running) -> tuple[Instance, ...]:
    """The containers that stand still and would be kept."""
    return tuple(c for c in running.containers if c.state == "paused" and _kept(services, c))


def unhealthy(
    bundle: Bundle, services: Mapping[str, Service], running: Running
) -> tuple[Instance, ...]:
    """The unhealthy containers that would be kept, and that nothing before them may mend.

    What is started anew in the same wave, or in an earlier one, may be what they wait for.
    """
    found: list[Instance] = []
    for wave in bundle.waves:
        names = [name for name in wave.services if name in services]
        present = [container for name in names for container in running.of(name)]
        if any(not running.of(name) for name in names):
            break
        if any(c.state != "running" or not _kept(services, c) for c in present):
            break
        found += [container for container in present if container.health == "unhealthy"]
    return tuple(found)


def refuse(
    services: Mapping[str, Service], running: Running, judged_by: Bundle | None = None
) -> None:
    """Refuse before anything is touched where a container is in the way that nobody would touch.

    Args:
        services: what is to run.
        running: what is there.
        judged_by: the bundle, whose waves say what may mend an unhealthy one; none where to try is
            right all the same, because going back is the other way on.

    Raises:
        PreconditionError: naming each, and what starts it again.
    """
    still = paused(services, running)
    sick = unhealthy(judged_by, services, running) if judged_by else ()
    if not still and not sick:
        return
    first, *more = (f"{health.explain(c)}, and nothing of this changes that" for c in still + sick)
    mend = [f"docker unpause {_ids(still)}"] if still else []
    mend += (
        [f"docker restart {_ids(sick)}   (or wait for its next check; or inv down; inv up)"]
        if sick
        else []
    )
    raise PreconditionError(
        first, detail=tuple(more), state="nothing was changed", hint="; ".join(mend)
    )


def _kept(services: Mapping[str, Service], container: Instance) -> bool:
    service = services.get(container.service)
    return service is not None and container.config == service.config


def _ids(containers: tuple[Instance, ...]) -> str:
    return " ".join(container.id[:12] for container in containers)
