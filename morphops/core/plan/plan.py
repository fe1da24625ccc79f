"""Decides: values in, a plan out. Pure; no engine, no files, no clock.

A plan never contains an observation that its own earlier steps change: it names what to do, and
the engine looks at the world again where a step needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from morphops.core.bundle.schema import Bundle
from morphops.core.plan import changes as plan_changes
from morphops.core.plan.changes import Before, Change
from morphops.core.plan.preconditions import refuse_foreign, refuse_misfit, refuse_other_networks
from morphops.core.plan.steps import (
    AwaitHealth,
    Check,
    Gate,
    Pull,
    Remove,
    Start,
    Step,
    Teardown,
    Verify,
)
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.release import Release
from morphops.core.stack import LABEL_CONFIG, LABEL_RELEASE, Running, Service, local_tag
from morphops.core.verify import invariants


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps toward one deployment, and the plan that undoes them.

    Attributes:
        release: the release that runs when it is done; empty for nothing.
        deployment: whose files and values the steps use.
        steps: in order.
        changes: service by service, for people.
        undo: the way back; none where there is nothing to go back to by itself.
        missing_images: of an automatic rollback, the pulls of images that are not here. They are
            not among its steps: a deploy does them before anything is touched.
    """

    release: str
    deployment: int
    steps: tuple[Step, ...]
    changes: tuple[Change, ...] = ()
    undo: Plan | None = None
    missing_images: tuple[Pull, ...] = ()

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
    before: Before = plan_changes.NOTHING,
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
    refuse_misfit(bundle, release, services)
    refuse_other_networks(services, running, networks or {})
    invariants.refuse(bundle.invariants, services, approved)
    steps: list[Step] = list(pulls(bundle, release, services))
    here = {image.ref for image in release.images}
    steps += [pull for pull in (undo.missing_images if undo else ()) if pull.image.ref not in here]
    steps += [Check(probe) for probe in bundle.checks]
    steps += _bring(bundle, services, running)
    steps.append(Verify(bundle.settle, strict=True))
    way_back = prepend_removals(undo, services, removals(services, running)) if undo else None
    told = plan_changes.of_deploy(release.images, services, running, before)
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


def rollback_to(
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
    return Plan(release, deployment, steps, missing_images=missing)


def standalone(undo: Plan) -> Plan:
    """A way back that is all there is to do: what it lacks comes first."""
    return replace(undo, steps=(*undo.missing_images, *undo.steps), missing_images=())


def teardown() -> Plan:
    """The undo of a first deploy."""
    return Plan("", 0, (Teardown(),))


def gates(bundle: Bundle, services: Mapping[str, Service]) -> tuple[Step, ...]:
    """Only the waiting and probing of a deploy, for tasks that look."""
    waits = (AwaitHealth, Gate)
    return tuple(step for step in _bring(bundle, services, None) if isinstance(step, waits))


def _bring(bundle: Bundle, services: Mapping[str, Service], running: Running | None) -> list[Step]:
    """Remove what has to go; then wave by wave: start, wait, probe."""
    steps: list[Step] = []
    if running is not None and (first := removals(services, running)):
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


def removals(services: Mapping[str, Service], running: Running) -> tuple[str, ...]:
    """The services that a plan removes first: what is gone, and what would be kept astray."""
    astray = (
        n
        for n, service in services.items()
        if plan_changes.on_wrong_networks(service, running.of(n))
    )
    return (*plan_changes.services_to_remove(services, running), *astray)


def ownership_labels(
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


def prepend_removals(undo: Plan, added: Iterable[str], going: Collection[str]) -> Plan:
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
