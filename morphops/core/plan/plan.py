"""A plan is a value: ordered steps, and the plan that undoes them. Pure.

A plan never contains an observation that its own earlier steps change. It names what to do, and the
executor looks at the world again where a step needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from morphops.core.bundle.schema import Bundle
from morphops.core.plan import jobs
from morphops.core.plan.changes import Change
from morphops.core.plan.desired import Desired
from morphops.core.plan.steps import (
    AwaitHealth,
    Gate,
    Pull,
    Start,
    Step,
    Teardown,
    UndoJob,
)
from morphops.core.plan.strategies import Strategy
from morphops.core.plan.strategies.in_place import waves
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.release import Release
from morphops.core.stack import Running, Service


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered steps toward one deployment, and the plan that undoes them.

    Attributes:
        release: the release that runs when it is done; empty for nothing.
        deployment: whose files and values the steps use.
        steps: in order.
        changes: service by service, for people.
        undo: the automatic rollback; None where there is none.
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
        steps = [step.as_json() for step in self.steps]
        return digest_of(canonical_json([self.release, self.deployment, steps, undo]))


def pulls(bundle: Bundle, release: Release, services: Mapping[str, Service]) -> tuple[Pull, ...]:
    """The pulls of those images of a release that some services use."""
    used = {service.image for service in services.values()}
    return tuple(
        Pull(image, release.digest, bundle.pull.stalled_after)
        for image in release.images
        if str(image.ref) in used
    )


def rollback_to(
    strategy: Strategy,
    before: Desired,
    missing: Iterable[Pull] = (),
    undone: Collection[str] = (),
) -> Plan:
    """The plan that brings back what ran before, whatever a failure left.

    Its steps pull nothing: what ran is here, or is fetched before anything is touched.

    Args:
        strategy: how it came to run.
        before: what ran.
        missing: the pulls of its images that are not here.
        undone: see `Strategy.back`.
    """
    release = before.release.digest
    missing = tuple(replace(pull, back_to=release) for pull in missing)
    return Plan(release, before.deployment, strategy.back(before, undone), missing_images=missing)


def standalone(undo: Plan) -> Plan:
    """A rollback that is all there is to do: the images that are missing come first."""
    return replace(undo, steps=(*undo.missing_images, *undo.steps), missing_images=())


def teardown() -> Plan:
    """The plan that stops everything; also the undo of a first deploy."""
    return Plan("", 0, (Teardown(),))


def gates(bundle: Bundle, services: Mapping[str, Service]) -> tuple[AwaitHealth | Gate, ...]:
    """Only the waiting and probing of a deploy, for tasks that look."""
    return tuple(s for s in waves(bundle, services) if isinstance(s, AwaitHealth | Gate))


def ownership(
    services: Mapping[str, Service],
    running: Running,
    release: str,
    again: Collection[str] = (),
) -> Mapping[str, str]:
    """Service → the release that its containers are marked with.

    An unchanged service keeps the release that created it: another mark alone would replace it.

    Args:
        services: as the release renders.
        running: what is there.
        release: digest of the release.
        again: services that are recreated although they are as they should be.
    """
    owners = {}
    for name, service in services.items():
        made_by = (
            {c.release for c in running.of(name) if c.config == service.config and c.release}
            if name not in again
            else set()
        )
        owners[name] = made_by.pop() if len(made_by) == 1 else release
    return owners


def prepend_removals(
    undo: Plan,
    added: Iterable[str],
    going: Collection[str],
    takes_back: tuple[UndoJob, ...] = (),
) -> Plan:
    """A rollback that begins with removals, and with what takes back what jobs did.

    Args:
        undo: the rollback.
        added: services that may be there now; those that it does not bring back are to go.
        going: services that were to go. One whose removal was interrupted is removed before it is
            brought back: the engine may still be about to stop it.
        takes_back: comes before the removals, since it may need what is removed.
    """
    brought = {name for step in undo.steps if isinstance(step, Start) for name in step.services}
    if not brought:  # it is a teardown, which takes everything
        return undo
    first = (*(n for n in added if n not in brought), *(n for n in going if n in brought))
    return replace(undo, steps=(*jobs.with_removals(takes_back, first), *undo.steps))
