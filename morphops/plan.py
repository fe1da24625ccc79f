"""Decides: values in, a plan out. Pure; no engine, no files, no clock.

A plan never contains an observation that its own earlier steps change: it names what to do, and
the engine looks at the world again where a step needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from morphops.bundle import Bundle
from morphops.errors import InputError, PreconditionError
from morphops.model import Image, Release, short
from morphops.target import Container, Running, Service


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch an image by digest, verify it and hold it under a local tag."""

    image: Image
    tag: str

    def __str__(self) -> str:
        return f"pull {self.image.name} {short(self.image.ref.digest)}"


@dataclass(frozen=True, slots=True)
class Check:
    """A probe that looks at files only, before anything is touched."""

    probe: str

    def __str__(self) -> str:
        return f"check {self.probe}"


@dataclass(frozen=True, slots=True)
class Remove:
    """Stop and remove services that the release does not have."""

    services: tuple[str, ...]

    def __str__(self) -> str:
        return f"remove {' '.join(self.services)}"


@dataclass(frozen=True, slots=True)
class Start:
    """Start the services of one wave."""

    wave: int
    services: tuple[str, ...]

    def __str__(self) -> str:
        return f"start wave {self.wave}: {' '.join(self.services)}"


@dataclass(frozen=True, slots=True)
class AwaitHealth:
    """Wait until the services of a wave are healthy; `deadline` in seconds."""

    services: tuple[str, ...]
    deadline: float

    def __str__(self) -> str:
        return f"wait for health: {' '.join(self.services)}"


@dataclass(frozen=True, slots=True)
class Gate:
    """A probe that must pass before the plan goes on."""

    probe: str

    def __str__(self) -> str:
        return f"probe {self.probe}"


@dataclass(frozen=True, slots=True)
class Verify:
    """Compare the images of what runs with the release."""

    def __str__(self) -> str:
        return "verify what runs"


@dataclass(frozen=True, slots=True)
class Teardown:
    """Stop and remove everything of the project but its data."""

    def __str__(self) -> str:
        return "stop and remove everything"


Step: TypeAlias = Pull | Check | Remove | Start | AwaitHealth | Gate | Verify | Teardown
# Only after one of these has begun is there anything to undo.
TOUCHING = (Remove, Start, Teardown)


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one service."""

    service: str
    action: Literal["create", "replace", "keep", "remove"]
    why: str = ""

    def __str__(self) -> str:
        return f"{self.action} {self.service}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps toward one deployment, and the plan that undoes them.

    Attributes:
        release: the release that runs when it is done; empty for nothing.
        deployment: whose files and values the steps use.
        steps: in order.
        changes: service by service, for people.
        undo: the way back; none where there is nothing to go back to by itself.
    """

    release: str
    deployment: int
    steps: tuple[Step, ...]
    changes: tuple[Change, ...] = ()
    undo: Plan | None = None


def deploy(
    bundle: Bundle,
    release: Release,
    services: Mapping[str, Service],
    running: Running,
    *,
    deployment: int,
    undo: Plan | None,
) -> Plan:
    """The plan that brings a release; also for a rollback, which is a deploy of an old one.

    Pulls and checks come first, so that what fails there has changed nothing. Services that are
    gone from the release are removed before the first wave: they may hold a port or a name.

    Args:
        bundle: the release's own bundle.
        release: what is to run.
        services: as the target renders them.
        running: what is there now.
        deployment: number of the deployment that holds the files and values.
        undo: how to go back; what only this release has is then taken away first.

    Raises:
        InputError: the services and the bundle or the release do not fit together.
        PreconditionError: containers of this project exist that no release created.
    """
    refuse_foreign(bundle, running)
    _fit(bundle, release, services)
    steps: list[Step] = [
        Pull(image, local_tag(bundle.project, image.name, release.digest))
        for image in release.images
        if any(service.image == str(image.ref) for service in services.values())
    ]
    steps += [Check(probe) for probe in bundle.checks]
    steps += _bring(bundle, services, running)
    steps.append(Verify())
    way_back = _without_added(undo, services) if undo else None
    return Plan(release.digest, deployment, tuple(steps), changes(services, running), way_back)


def back(bundle: Bundle, release: str, services: Mapping[str, Service], *, deployment: int) -> Plan:
    """The undo of a deploy: the deployment that ran before, whatever a failure left.

    It pulls nothing: what ran is here. Every service is named, those that nobody touched too,
    because starting what runs already changes nothing.
    """
    return Plan(release, deployment, (*_bring(bundle, services, None), Verify()))


def nothing() -> Plan:
    """The undo of a first deploy."""
    return Plan("", 0, (Teardown(),))


def gates(bundle: Bundle, services: Mapping[str, Service]) -> tuple[Step, ...]:
    """Only the waiting and probing of a deploy, for tasks that look."""
    waits = (AwaitHealth, Gate)
    return tuple(step for step in _bring(bundle, services, None) if isinstance(step, waits))


def _bring(bundle: Bundle, services: Mapping[str, Service], running: Running | None) -> list[Step]:
    """Remove what is gone, then wave by wave: start, wait, probe."""
    steps: list[Step] = []
    if running is not None and (gone := _gone(services, running)):
        steps.append(Remove(gone))
    for number, wave in enumerate(bundle.waves, start=1):
        names = tuple(name for name in wave.services if name in services)
        if not names:
            continue
        steps += [Start(number, names), AwaitHealth(names, wave.deadline)]
        steps += [Gate(probe) for probe in wave.probes]
    return steps


def changes(services: Mapping[str, Service], running: Running) -> tuple[Change, ...]:
    """What a deploy does to each service: the ones to come in order, then the ones to go."""
    found = []
    for name, service in services.items():
        present = running.of(name)
        if not present:
            found.append(Change(name, "create"))
        elif all(container.config == service.config for container in present):
            stopped = any(container.state != "running" for container in present)
            found.append(Change(name, "keep", "is not running; is started" if stopped else ""))
        else:
            found.append(Change(name, "replace", "its image or configuration changes"))
    found += [Change(name, "remove", "not in the release") for name in _gone(services, running)]
    return tuple(found)


def creators(
    services: Mapping[str, Service], running: Running, release: str
) -> Mapping[str, Mapping[str, str]]:
    """The labels for each service: which release created it, with what configuration.

    An unchanged service keeps the name of the release that created it; a new name alone would
    make the engine replace it.
    """
    labels = {}
    for name, service in services.items():
        made_by = {c.release for c in running.of(name) if c.config == service.config and c.release}
        creator = made_by.pop() if len(made_by) == 1 else release
        labels[name] = {LABEL_RELEASE: creator, LABEL_CONFIG: service.config}
    return labels


LABEL_RELEASE = "morphops.release"
LABEL_CONFIG = "morphops.config"


def local_tag(project: str, image: str, release: str) -> str:
    """The local tag that keeps an image from being swept away with the dangling ones."""
    return f"morphops/{project}/{image}:{short(release)}"


def refuse_foreign(bundle: Bundle, running: Running) -> None:
    """Refuse to touch containers that plain Compose, or somebody else, started.

    Raises:
        PreconditionError: there are some.
    """
    foreign = tuple(sorted({c.service for c in running.containers if not c.ours}))
    if foreign:
        raise PreconditionError(
            f"project {bundle.project} has containers that no release created: "
            f"{', '.join(foreign)}",
            state="nothing was changed",
            hint=f"docker compose -p {bundle.project} down   (then deploy again)",
        )


def mismatches(
    release: Release, services: Mapping[str, Service], running: Running
) -> tuple[str, ...]:
    """Where the images of what runs are not those of the release; empty when all are."""
    images = {str(image.ref): image for image in release.images}
    found = []
    for name, service in services.items():
        image = images[service.image]
        present = running.of(name)
        if not present:
            found.append(f"{name}: there is no container")
        found += [
            f"{name}: runs {container.image.kind} {short(container.image.digest)}, "
            f"the release says {_expected(container, image)}"
            for container in present
            if not container.image.is_of(image)
        ]
    found += [f"{name}: runs, but is not in the release" for name in _gone(services, running)]
    return tuple(found)


def taken_ports(
    services: Mapping[str, Service], running: Running, free: Mapping[tuple[str, int], bool]
) -> tuple[str, ...]:
    """Ports that somebody else holds.

    Args:
        services: what is to run.
        running: what runs: a port that the project holds itself is no obstacle.
        free: (host, port) → whether it can be bound.
    """
    own = {port.published for container in running.containers for port in container.ports}
    return tuple(
        f"{name}: port {port.host or '*'}:{port.published} is taken by another process"
        for name, service in services.items()
        for port in service.ports
        if port.published not in own and not free.get((port.host, port.published), True)
    )


def _without_added(undo: Plan, services: Mapping[str, Service]) -> Plan:
    """A way back that begins with the removal of services that it does not bring back itself."""
    brought = {name for step in undo.steps if isinstance(step, Start) for name in step.services}
    added = tuple(name for name in services if name not in brought)
    if not brought or not added:  # without a start it is a teardown, which takes everything
        return undo
    return replace(undo, steps=(Remove(added), *undo.steps))


def _gone(services: Mapping[str, Service], running: Running) -> tuple[str, ...]:
    return tuple(name for name in running.services if name not in services)


def _expected(container: Container, image: Image) -> str:
    return short(image.config if container.image.kind == "config" else image.manifest)


def _fit(bundle: Bundle, release: Release, services: Mapping[str, Service]) -> None:
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
    if findings:
        raise InputError(
            f"release {release.short} does not fit together",
            detail=tuple(findings),
            state="nothing was changed",
        )
