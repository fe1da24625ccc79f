"""Decides: values in, a plan out. Pure; no engine, no files, no clock.

A plan never contains an observation that its own earlier steps change: it names what to do, and
the engine looks at the world again where a step needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from morphops import changes, invariants
from morphops.bundle import Bundle, PullSpec
from morphops.changes import Before, Change
from morphops.errors import InputError, PreconditionError
from morphops.model import Image, Release, canonical_json, digest_of, short
from morphops.target import Running, Service


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch an image by digest, verify it and hold it under a local tag.

    `stalled_after`: seconds without progress after which the pull is given up.
    """

    image: Image
    tag: str
    stalled_after: float = PullSpec().stalled_after

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
    """Stop and remove services: what the release does not have, or what has to be made anew."""

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
    """Wait until the services of a wave are healthy; `deadline` in seconds.

    `earlier` are those of the waves before, which have to be healthy still.
    """

    services: tuple[str, ...]
    deadline: float
    earlier: tuple[str, ...] = ()

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
    """Compare what runs with the release, once it was seen to last.

    `settle`: seconds in which each service has to pass its health check once more; 0 for the way
    back, which brings what was seen to last before. `strict`: whether a broken invariant or another
    network fails it; on the way back, where it may have been so before, it is only told of.
    """

    settle: float = 0.0
    strict: bool = False

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

    @property
    def changed(self) -> bool:
        """Whether it changes what runs."""
        return any(change.action != "keep" for change in self.changes)

    @property
    def digest(self) -> str:
        """The SHA-256 of what it does and how it is undone, for the history."""
        undo = self.undo.digest if self.undo else ""
        steps = [str(step) for step in self.steps]
        return digest_of(canonical_json([self.release, self.deployment, steps, undo]))


def deploy(
    bundle: Bundle,
    release: Release,
    services: Mapping[str, Service],
    running: Running,
    *,
    deployment: int,
    undo: Plan | None,
    networks: Mapping[str, str] | None = None,
    before: Before = changes.NOTHING,
    approved: Collection[str] = (),
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
        networks: those that are there; see `target.Target.networks`.
        before: what is known of what runs, for the changes.
        approved: the invariants that may be broken.

    Raises:
        InputError: the services and the bundle or the release do not fit together.
        PreconditionError: containers of this project exist that no release created, a network
            exists and is to be another, or an invariant would be broken.
    """
    refuse_foreign(bundle, running)
    _fit(bundle, release, services)
    _refuse_other_networks(services, running, networks or {})
    invariants.refuse(bundle.invariants, services, approved)
    steps: list[Step] = [
        Pull(
            image,
            local_tag(bundle.project, image.name, release.digest),
            bundle.pull.stalled_after,
        )
        for image in release.images
        if any(service.image == str(image.ref) for service in services.values())
    ]
    steps += [Check(probe) for probe in bundle.checks]
    steps += _bring(bundle, services, running)
    steps.append(Verify(bundle.settle, strict=True))
    way_back = without_added(undo, services) if undo else None
    told = changes.of_deploy(release.images, services, running, before)
    return Plan(release.digest, deployment, tuple(steps), told, way_back)


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
    """Remove what is gone or would be kept though it is astray; then by wave start, wait, probe."""
    steps: list[Step] = []
    if running is not None:
        anew = (n for n, service in services.items() if changes.astray(service, running.of(n)))
        if removed := (*changes.gone(services, running), *anew):
            steps.append(Remove(removed))
    earlier: tuple[str, ...] = ()
    for number, wave in enumerate(bundle.waves, start=1):
        names = tuple(name for name in wave.services if name in services)
        if not names:
            continue
        steps += [Start(number, names), AwaitHealth(names, wave.deadline, earlier)]
        steps += [Gate(probe) for probe in wave.probes]
        earlier += names
    return steps


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
    foreign = [c for c in running.containers if not c.ours]
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


def _refuse_other_networks(
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


def without_added(undo: Plan, services: Iterable[str]) -> Plan:
    """A way back that begins with the removal of services that it does not bring back itself."""
    brought = {name for step in undo.steps if isinstance(step, Start) for name in step.services}
    added = tuple(name for name in services if name not in brought)
    if not brought or not added:  # without a start it is a teardown, which takes everything
        return undo
    return replace(undo, steps=(Remove(added), *undo.steps))


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
    findings += [
        f"{name}: has a scale of 0, and a release runs every service; give it a profile instead"
        for name, service in services.items()
        if service.count == 0
    ]
    # Its health gate would wait for what ends, once the first containers are touched.
    findings += [
        f"{name}: waits for {other} to end, and each service of a release has to stay up"
        for name, service in services.items()
        for other in sorted(service.awaits)
    ]
    if findings:
        raise InputError(
            f"release {release.short} does not fit together",
            detail=tuple(findings),
            state="nothing was changed",
        )
