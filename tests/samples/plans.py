"""Plans, decided as the pipeline decides them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from morphops.core.bundle.schema import Bundle
from morphops.core.plan import changes, plan
from morphops.core.plan.changes import Before
from morphops.core.plan.decide import Policy, decide
from morphops.core.plan.desired import Desired, Situation
from morphops.core.plan.plan import Plan
from morphops.core.plan.steps import Pull
from morphops.core.plan.strategies import IN_PLACE
from morphops.core.release.release import Release
from morphops.core.stack import Running, Service


class Remedies:
    """Commands that say what they are for."""

    def remove_containers(self, ids: Sequence[str]) -> str:
        return f"remove containers {' '.join(ids)}"

    def remove_project(self, project: str) -> str:
        return f"remove project {project}"

    def remove_networks(self, names: Sequence[str]) -> str:
        return f"remove networks {' '.join(names)}"

    def create(self, kind: Literal["network", "volume"], names: Sequence[str]) -> str:
        return f"create {kind} {' '.join(names)}"

    def unpause(self, ids: Sequence[str]) -> str:
        return f"unpause {' '.join(ids)}"


def decided(
    bundle: Bundle,
    release: Release,
    services: Mapping[str, Service],
    running: Running,
    *,
    deployment: int = 2,
    undo: Plan | None = None,
    networks: Mapping[str, str] | None = None,
    before: Before = changes.NOTHING,
    approved: Collection[str] = (),
    taken: Collection[tuple[str, int, str]] = (),
    policy: Policy = Policy(),  # noqa: B008
) -> Plan:
    """The plan that brings a release in place."""
    return decide(
        Desired(
            bundle=bundle,
            release=release,
            services=services,
            deployment=deployment,
            approved=frozenset(approved),
        ),
        Situation(running=running, networks=networks or {}, taken=frozenset(taken), before=before),
        strategy=IN_PLACE,
        undo=undo,
        remedies=Remedies(),
        policy=policy,
    )


def back_to(
    bundle: Bundle,
    release: str,
    services: Mapping[str, Service],
    *,
    deployment: int,
    missing: Iterable[Pull] = (),
) -> Plan:
    """The rollback to a release."""
    before = Desired(
        bundle=bundle,
        release=Release(release, bundle.project, (), {}),
        services=services,
        deployment=deployment,
    )
    return plan.rollback_to(IN_PLACE, before, missing)
