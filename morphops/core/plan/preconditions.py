"""What must be true before a plan begins: each function gives its reasons to refuse. Pure.

A new precondition is a function here and a line in `decide.reasons`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from morphops.core.bundle.schema import Bundle
from morphops.core.plan.desired import Desired, Situation
from morphops.core.plan.reasons import Reason
from morphops.core.plan.remedies import Remedies
from morphops.core.stack import Instance, Port, Running, Service
from morphops.core.verify import health, invariants


def foreign(project: str, running: Running, remedies: Remedies) -> Iterator[Reason]:
    """Containers that plain Compose, or another tool, started: they are never touched."""
    found = [c for c in running.containers if not c.managed]
    if not found:
        return
    # To take everything down would take what a release brought as well.
    beside = len(found) < len(running.containers)
    ids = [container.id[:12] for container in found]
    remove = remedies.remove_containers(ids) if beside else remedies.remove_project(project)
    yield Reason(
        what=f"project {project} has containers that no release created: "
        f"{', '.join(sorted({c.service for c in found}))}",
        hint=f"{remove}   (then try again)",
    )


def misfit(desired: Desired) -> Iterator[Reason]:
    """Services that do not fit the bundle or the release."""
    waves = {name for wave in desired.bundle.waves for name in wave.services}
    known = {str(image.ref) for image in desired.release.images}
    services = desired.services
    findings = [f"{name}: is in no wave of the bundle" for name in services if name not in waves]
    findings += [
        f"{name}: image {service.image!r} is not an image of the release"
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
        what = f"release {desired.release.short} does not fit together"
        yield Reason(what=what, detail=tuple(findings), wrong=True)


def other_networks(
    services: Mapping[str, Service], situation: Situation, remedies: Remedies
) -> Iterator[Reason]:
    """Networks that were made in another way than the release says.

    The platform would keep them as they are. To make them again everything on them has to stop, and
    that is for a person to decide.
    """
    there = situation.networks
    wanted = {n.name: n.config for service in services.values() for n in service.networks}
    other = tuple(
        sorted(
            name
            for name, config in wanted.items()
            if config and there.get(name) and there[name] != config
        )
    )
    if other:
        yield Reason(
            what=f"the release defines the network {', '.join(other)} in another way than it "
            "was made",
            hint="inv down   (stops what runs and removes its networks; then try again)"
            if situation.running.containers
            else f"{remedies.remove_networks(other)}   (then try again)",
        )


def broken_invariants(desired: Desired) -> Iterator[Reason]:
    """Invariants that the release would break, and that no approval covers."""
    lines = {name: (service.launch.argv,) for name, service in desired.services.items()}
    found = tuple(invariants.breaches(desired.bundle.invariants, lines, desired.approved))
    if found:
        names = dict.fromkeys(breach.name for breach in found)
        grants = "; ".join(f"inv approval.grant --name={name} --reason=…" for name in names)
        yield Reason(
            what=f"the release breaks the invariant {' and '.join(names)}, "
            "and no approval is recorded",
            detail=tuple(map(str, found)),
            hint=f"take it off the command line; only where that is decided: {grants}",
        )


def taken_ports(services: Mapping[str, Service], situation: Situation) -> Iterator[Reason]:
    """Ports that something else holds; a port that the project holds itself is fine."""
    # What is stopped has let its ports go.
    own = [p for c in situation.running.containers if c.state in _HOLDING for p in c.ports]
    taken = tuple(
        f"{name}: port {port} is taken by another process"
        for name, service in services.items()
        for port in service.ports
        if (port.host, port.published, port.protocol) in situation.taken
        and not any(_keeps_from(held, port) for held in own)
    )
    if taken:
        yield Reason(
            what=taken[0],
            detail=taken[1:],
            hint="stop what listens there, or choose another port in the env file",
        )


_HOLDING = ("running", "paused", "restarting")
# All addresses of one family; an empty one is all of both.
_ALL = ("0.0.0.0", "::")  # noqa: S104


def _keeps_from(held: Port, wanted: Port) -> bool:
    """Whether the one port is taken while the other is."""
    if (held.published, held.protocol) != (wanted.published, wanted.protocol):
        return False
    hosts = (held.host, wanted.host)
    if "" in hosts or held.host == wanted.host:
        return True
    same_family = (":" in held.host) == (":" in wanted.host)
    return same_family and any(host in _ALL for host in hosts)


def paused(services: Mapping[str, Service], running: Running) -> tuple[Instance, ...]:
    """The paused containers that the plan would keep."""
    return tuple(c for c in running.containers if c.state == "paused" and _kept(services, c))


def unhealthy(
    bundle: Bundle, services: Mapping[str, Service], running: Running
) -> tuple[Instance, ...]:
    """The unhealthy containers that the plan would keep, and that nothing before them may cure.

    What is replaced in the same wave, or in an earlier one, may be what they wait for.
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


_STAYS = "and this plan would not restart it"


def stuck(
    services: Mapping[str, Service],
    running: Running,
    remedies: Remedies,
    judged_by: Bundle | None,
) -> Iterator[Reason]:
    """Containers that would make the plan fail, and that it would not touch.

    Args:
        services: what is to run.
        running: what is there.
        remedies: the platform's commands.
        judged_by: the bundle, whose waves say what may cure an unhealthy one. None where it is
            right to try: going back is the only other way.
    """
    still = paused(services, running)
    sick = unhealthy(judged_by, services, running) if judged_by else ()
    if not still and not sick:
        return
    first, *more = (
        f"{health.explain(c)}, and this plan would not restart it" for c in still + sick
    )
    cures = [remedies.unpause(_ids(still))] if still else []
    if sick:
        restart = remedies.restart(_ids(sick))
        cures.append(f"{restart}   (or wait for its next check; or inv down; inv up)")
    yield Reason(what=first, detail=tuple(more), hint="; ".join(cures))


def _kept(services: Mapping[str, Service], container: Instance) -> bool:
    service = services.get(container.service)
    return service is not None and container.config == service.config


def _ids(containers: Sequence[Instance]) -> list[str]:
    return [container.id[:12] for container in containers]
