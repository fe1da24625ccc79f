"""Decides: what is to run and what is there become a plan, or one refusal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from morphops.core.jobs import of
from morphops.core.plan import changes, exclusive, jobs, preconditions
from morphops.core.plan.desired import Desired, Situation
from morphops.core.plan.plan import Plan, prepend_removals, pulls
from morphops.core.plan.reasons import Reason, refusal
from morphops.core.plan.remedies import Remedies
from morphops.core.plan.steps import Check, Remove
from morphops.core.plan.strategies import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How operations differ in what they refuse.

    Attributes:
        ports: refuse ports that something else has. An operation that is taken up again does not:
            a container of its own, half replaced, may be what has them.
        unhealthy: refuse where an unhealthy container would be kept. An operation that is taken up
            again does not: its only other way is back.
    """

    ports: bool = True
    unhealthy: bool = True


def decide(
    desired: Desired,
    situation: Situation,
    *,
    strategy: Strategy,
    undo: Plan | None,
    remedies: Remedies,
    policy: Policy = Policy(),
) -> Plan:
    """The plan that brings a release; also for a rollback, which is a deploy of an old one.

    Pulls and checks come first, so that what fails there has changed nothing.

    Args:
        desired: what is to run.
        situation: what is there.
        strategy: how the one takes the place of the other.
        undo: the automatic rollback; None for none.
        remedies: the platform's commands, for what is refused.
        policy: what is refused.

    Raises:
        InputError, PreconditionError: with every reason why it must not begin.
    """
    against = tuple(reasons(desired, situation, remedies, policy))
    if against:
        raise refusal(against)
    bundle, release, services = desired.bundle, desired.release, desired.services
    due = jobs.due(desired, situation)
    back_first = jobs.with_removals(desired.takes_back)
    forward = (*back_first, *strategy.forward(desired, situation.running, due))
    ours = {image.ref for image in release.images}
    fetch = [
        *pulls(bundle, release, {**services, **desired.undoing}),
        *(pull for pull in (undo.missing_images if undo else ()) if pull.image.ref not in ours),
    ]
    steps = (*fetch, *(Check(probe) for probe in bundle.checks), *forward)
    if undo:
        going = {name for s in forward if isinstance(s, Remove) for name in s.services}
        # And who got what the other one had, which is to have it again.
        going |= {taker for _, taker in exclusive.moves(services, situation.running)}
        ran = due.keys() | situation.jobs.passed
        added = [name for name in services if name not in of(services).keys() - ran]
        undo = prepend_removals(undo, added, going, jobs.taken_back(services, ran))
    told = changes.of_deploy(
        release.images,
        services,
        situation.running,
        situation.before,
        changes.for_others(bundle, services, situation.running),
        due,
    )
    return Plan(release.digest, desired.deployment, steps, told, undo)


def reasons(
    desired: Desired, situation: Situation, remedies: Remedies, policy: Policy
) -> Iterator[Reason]:
    """Every reason not to begin."""
    running, services = situation.running, desired.services
    yield from preconditions.foreign(desired.bundle.project, running, remedies)
    yield from preconditions.nothing_to_run(desired)
    yield from preconditions.misfit(desired)
    given = {**services, **desired.undoing}
    yield from preconditions.missing_contents(given)
    yield from preconditions.unwritable_contents(given)
    yield from preconditions.other_networks(services, situation, remedies)
    yield from preconditions.from_outside(desired, situation, remedies)
    yield from preconditions.broken_invariants(desired)
    yield from jobs.unknown(desired)
    yield from jobs.interrupted(situation.jobs.interrupted, running)
    if policy.ports:
        yield from preconditions.taken_ports(services, situation)
    judged_by = desired.bundle if policy.unhealthy else None
    again = changes.for_others(desired.bundle, services, running)
    yield from preconditions.stuck(services, running, remedies, judged_by, again=again)
