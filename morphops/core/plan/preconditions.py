"""What must be true before a plan begins: each function gives its reasons to refuse. Pure.

A new precondition is a function here and a line in `decide.reasons`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from morphops.core.bundle.schema import Bundle
from morphops.core.jobs import staying
from morphops.core.plan import dependants, exclusive, jobs
from morphops.core.plan.desired import Desired, Situation
from morphops.core.plan.reasons import Reason
from morphops.core.plan.remedies import Remedies
from morphops.core.release.platform import fits
from morphops.core.stack import Instance, Running, Service
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


def nothing_to_run(desired: Desired) -> Iterator[Reason]:
    """A release that renders to no service: to stop everything is not a deploy."""
    if not desired.services:
        yield Reason(
            what=f"release {desired.release.short} has no service with these values, "
            "so nothing would run",
            hint="switch a profile on: COMPOSE_PROFILES in the env file; "
            "or, to stop everything: inv down",
            wrong=True,
        )


def misfit(desired: Desired) -> Iterator[Reason]:
    """Services that do not fit the bundle or the release."""
    waves = {name for wave in desired.bundle.waves for name in wave.services}
    known = {str(image.ref) for image in desired.release.images}
    services = desired.services
    findings = [f"{name}: is in no wave of the bundle" for name in services if name not in waves]
    findings += [
        f"{name}: image {service.image!r} is not an image of the release"
        for name, service in {**services, **desired.undoing}.items()
        if service.image not in known
    ]
    findings += [
        f"{name}: has a scale of 0, and a release runs every service; give it a profile instead"
        for name, service in services.items()
        if service.replicas == 0
    ]
    findings += jobs.findings(desired)
    bundle = desired.bundle
    findings += dependants.of(bundle, services).findings([wave.services for wave in bundle.waves])
    findings += dependants.contradictions(bundle, services)
    platforms = {str(image.ref): image.platform for image in desired.release.images}
    findings += [
        f"{name}: asks for {service.needs.platform}, and its image is for {there}"
        for name, service in services.items()
        if service.needs.platform
        and (there := platforms.get(service.image, ""))
        and not fits(service.needs.platform, there)
    ]
    if findings:
        what = f"release {desired.release.short} does not fit together"
        hint = "correct the bundle, then inv bundle.check; inv release.create"
        yield Reason(what=what, detail=tuple(findings), hint=hint, wrong=True)


def missing_contents(services: Mapping[str, Service]) -> Iterator[Reason]:
    """Files that a service is to be given, and that are not there.

    For a missing file of the machine the engine would make an empty folder. A variable that is not
    set would fail only after the first containers were touched.
    """
    missing = tuple(
        f"{name}: {content} is not there"
        if content.source == content.name
        else f"{name}: {content} is to be made from {content.source}, which is not there"
        for name, service in services.items()
        for content in service.contents
        if not content.digest
    )
    if missing:
        yield Reason(
            what=missing[0],
            detail=missing[1:],
            hint="make it, or name another one in the env file; then the same command again",
            wrong=True,
        )


def unwritable_contents(services: Mapping[str, Service]) -> Iterator[Reason]:
    """Configs and secrets that Compose copies into a container whose root is read-only.

    It creates the container, and then the engine refuses the copy.
    """
    refused = tuple(
        f"{name}: {content} is copied into the container, and its root is read-only"
        for name, service in services.items()
        if service.launch.read_only
        for content in service.contents
        if content.inside
    )
    if refused:
        yield Reason(
            what=refused[0],
            detail=refused[1:],
            hint="name a file of the machine with file:, pass a variable in the environment, or "
            "write read_only: false; then inv bundle.check and a new release",
            wrong=True,
        )


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
    own = [p for c in situation.running.containers if c.state in exclusive.HOLDING for p in c.ports]
    taken = tuple(
        f"{name}: port {port} is taken by another process"
        for name, service in services.items()
        for port in service.ports
        if (port.host, port.published, port.protocol) in situation.taken
        and not any(exclusive.keeps_from(held, port) for held in own)
    )
    taken += tuple(
        f"{name}: every port from {numbers[0]} to {numbers[-1].published} is taken"
        for name, service in services.items()
        for numbers in service.port_ranges
        if numbers
        and all((p.host, p.published, p.protocol) in situation.taken for p in numbers)
        and not any(exclusive.keeps_from(held, port) for port in numbers for held in own)
    )
    if taken:
        yield Reason(
            what=taken[0],
            detail=taken[1:],
            hint="stop what listens there, or choose another port in the env file",
        )


def from_outside(desired: Desired, situation: Situation, remedies: Remedies) -> Iterator[Reason]:
    """What the stack does not make itself, and is not there, or is another project's."""
    outside = situation.outside
    kinds: tuple[tuple[Literal["network", "volume"], frozenset[str]], ...] = (
        ("network", outside.networks),
        ("volume", outside.volumes),
    )
    for kind, missing in kinds:
        if missing:
            yield Reason(
                what=f"the external {kind} {', '.join(sorted(missing))} is not there",
                hint=remedies.create(kind, sorted(missing)),
            )
    for name, whose in sorted(outside.names.items()):
        yield Reason(
            what=f"the container name {name} is taken by {whose}",
            hint="remove or rename that container, or choose another container_name",
        )
    for runtime in sorted(outside.runtimes):
        yield Reason(
            what=f"the engine has no runtime {runtime}",
            hint="install it, or remove runtime: from the compose file",
        )


def paused(services: Mapping[str, Service], running: Running) -> tuple[Instance, ...]:
    """The paused containers that the plan would keep."""
    return tuple(c for c in running.containers if c.state == "paused" and _kept(services, c))


def unhealthy(
    bundle: Bundle,
    services: Mapping[str, Service],
    running: Running,
    again: Collection[str] = (),
) -> tuple[Instance, ...]:
    """The unhealthy containers that the plan would keep, and that nothing before them may cure.

    What is replaced in the same wave, or in an earlier one, may be what they wait for.

    Args:
        bundle: has the waves.
        services: what is to run.
        running: what is there.
        again: services that are recreated although they are as they should be.
    """
    found: list[Instance] = []
    for wave in bundle.waves:
        names = [name for name in wave.services if name in staying(services)]
        present = [container for name in names for container in running.of(name)]
        if any(not running.of(name) for name in names):
            break
        if any(c.state != "running" or not _kept(services, c) for c in present) or any(
            name in again for name in names
        ):
            break
        found += [container for container in present if container.health == "unhealthy"]
    return tuple(found)


_STAYS = "and this plan would not restart it"


def stuck(
    services: Mapping[str, Service],
    running: Running,
    remedies: Remedies,
    judged_by: Bundle | None,
    *,
    again: Collection[str] = (),
) -> Iterator[Reason]:
    """Containers that would make the plan fail, and that it would not touch.

    Args:
        services: what is to run.
        running: what is there.
        remedies: the platform's commands.
        judged_by: the bundle, whose waves say what may cure an unhealthy one. None where it is
            right to try: going back is the only other way.
        again: services that are recreated although they are as they should be.
    """
    still = paused(services, running)
    sick = unhealthy(judged_by, services, running, again) if judged_by else ()
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
    if service is None or service.job is not None:
        return False
    return container.config == service.config


def _ids(containers: Sequence[Instance]) -> list[str]:
    return [container.id[:12] for container in containers]
