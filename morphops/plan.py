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
from morphops.target import Port, Running, Service


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch an image by digest, verify it and hold it under a local tag.

    `stalled_after`: seconds without progress after which the pull is given up. `back_to`: the
    release that could not be brought back without this image; empty for what is to run.
    """

    image: Image
    tag: str
    stalled_after: float = PullSpec().stalled_after
    back_to: str = ""

    def __str__(self) -> str:
        back = f" for the way back to {short(self.back_to)}" if self.back_to else ""
        return f"pull {self.image.name} {short(self.image.ref.digest)}{back}"


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
        lacks: of a way back, the pulls of images that are not here. They are no steps of it:
            whoever relies on it does them before anything is touched.
    """

    release: str
    deployment: int
    steps: tuple[Step, ...]
    changes: tuple[Change, ...] = ()
    undo: Plan | None = None
    lacks: tuple[Pull, ...] = ()

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
    steps: list[Step] = list(pulls(bundle, release, services))
    here = {image.ref for image in release.images}
    steps += [pull for pull in (undo.lacks if undo else ()) if pull.image.ref not in here]
    steps += [Check(probe) for probe in bundle.checks]
    steps += _bring(bundle, services, running)
    steps.append(Verify(bundle.settle, strict=True))
    way_back = begun_anew(undo, services, removed(services, running)) if undo else None
    told = changes.of_deploy(release.images, services, running, before)
    return Plan(release.digest, deployment, tuple(steps), told, way_back)


def pulls(bundle: Bundle, release: Release, services: Mapping[str, Service]) -> tuple[Pull, ...]:
    """The pulls of those images of a release that its services use."""
    used = {service.image for service in services.values()}
    return tuple(
        Pull(
            image,
            local_tag(bundle.project, image.name, release.digest),
            bundle.pull.stalled_after,
        )
        for image in release.images
        if str(image.ref) in used
    )


def back(
    bundle: Bundle,
    release: str,
    services: Mapping[str, Service],
    *,
    deployment: int,
    lacks: Iterable[Pull] = (),
) -> Plan:
    """The undo of a deploy: the deployment that ran before, whatever a failure left.

    Its steps pull nothing: what ran is here, or fetched before anything is touched. Every service
    is named, those that nobody touched too, because starting what runs already changes nothing.

    Args:
        bundle, release, services, deployment: what ran before.
        lacks: the pulls of its images that are not here.
    """
    missing = tuple(replace(pull, back_to=release) for pull in lacks)
    steps = (*_bring(bundle, services, None), Verify())
    return Plan(release, deployment, steps, lacks=missing)


def alone(undo: Plan) -> Plan:
    """A way back that is all there is to do: what it lacks comes first."""
    return replace(undo, steps=(*undo.lacks, *undo.steps), lacks=())


def nothing() -> Plan:
    """The undo of a first deploy."""
    return Plan("", 0, (Teardown(),))


def gates(bundle: Bundle, services: Mapping[str, Service]) -> tuple[Step, ...]:
    """Only the waiting and probing of a deploy, for tasks that look."""
    waits = (AwaitHealth, Gate)
    return tuple(step for step in _bring(bundle, services, None) if isinstance(step, waits))


def _bring(bundle: Bundle, services: Mapping[str, Service], running: Running | None) -> list[Step]:
    """Remove what has to go; then wave by wave: start, wait, probe."""
    steps: list[Step] = []
    if running is not None and (first := removed(services, running)):
        steps.append(Remove(first))
    earlier: tuple[str, ...] = ()
    for number, wave in enumerate(bundle.waves, start=1):
        names = tuple(name for name in wave.services if name in services)
        if not names:
            continue
        steps += [Start(number, names), AwaitHealth(names, wave.deadline, earlier)]
        steps += [Gate(probe) for probe in wave.probes]
        earlier += names
    return steps


def removed(services: Mapping[str, Service], running: Running) -> tuple[str, ...]:
    """The services that a plan removes first: what is gone, and what would be kept astray."""
    astray = (n for n, service in services.items() if changes.astray(service, running.of(n)))
    return (*changes.gone(services, running), *astray)


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


def begun_anew(undo: Plan, added: Iterable[str], going: Collection[str]) -> Plan:
    """A way back that begins with removals.

    Args:
        undo: how to go back.
        added: services that may be there now; what it does not bring back itself is to go.
        going: services that were to go. One whose removal was cut off is removed before it is
            brought back: the engine may still be about to stop it.
    """
    brought = {name for step in undo.steps if isinstance(step, Start) for name in step.services}
    if not brought:  # it is a teardown, which takes everything
        return undo
    first = (*(n for n in added if n not in brought), *(n for n in going if n in brought))
    return replace(undo, steps=(Remove(first), *undo.steps)) if first else undo


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
