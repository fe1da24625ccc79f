"""An old release that runs and a new one, on a fake target, and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from morphops.adapters.probes import ProbeContext
from morphops.adapters.signals import Signals
from morphops.core.plan import plan
from morphops.core.release.release import Image, Release
from morphops.core.stack import Running, Service, Stack
from morphops.errors import (
    EngineCallFailed,
    EngineUnavailable,
)
from morphops.interfaces import Platform
from morphops.operations.pipeline.execute import Executor, Outcome
from morphops.operations.pipeline.prepare import PreparedRelease
from tests.fakes import FakeTarget, Place, Recorder, Remembering, StepLog
from tests.samples.plans import Remedies, back_to, decided
from tests.samples.releases import BUNDLE, digest, image

OLD, NEW = image("api", "a"), replace(image("api", "b"), config=digest("d"))
QUIET = replace(
    BUNDLE, probes={}, checks=(), waves=tuple(replace(w, probes=()) for w in BUNDLE.waves)
)


def fail() -> None:
    raise EngineCallFailed("the engine said no")


def bug() -> None:
    raise RuntimeError("nobody thought of this")


def failing_once(
    world: Upgrade, call: str, happens: Callable[[], None] = fail
) -> Callable[[], None]:
    def once() -> None:
        del world.target.on[call]
        happens()

    return once


class Upgrade:
    """An old release that runs (db, api, gone) and a new one, on a fake target.

    Args:
        new: the services of the new one.
    """

    def __init__(self, new: tuple[str, ...] = ("db", "api")) -> None:
        self.target = FakeTarget(
            {
                "old": self._services(OLD, "old", ("db", "api", "gone")),
                "new": self._services(NEW, "new", new),
            },
            images=(OLD, NEW),
        )
        self.bundle = replace(
            QUIET,
            waves=(
                replace(QUIET.waves[0], services=("db", "cache")),
                replace(QUIET.waves[1], services=("api", "gone")),
            ),
        )
        self.old, self.new = self.prepared("old", OLD), self.prepared("new", NEW)
        self.target.start(self.old.stack, ("db", "api", "gone"))
        self.target.calls.clear()
        self.observer, self.log, self.signals = Recorder(), StepLog(), Signals()
        self.evidence: list[str] = []

    def _services(self, image: Image, config: str, names: tuple[str, ...]) -> dict[str, Service]:
        return {name: Service(name, str(image.ref), config) for name in names}

    def prepared(self, name: str, image: Image) -> PreparedRelease:
        release = Release(digest("1" if name == "new" else "0"), "shop", (image,), {})
        stack = Stack("shop", (), Path(name))
        world = ProbeContext(self.target, "shop", {})
        return PreparedRelease(self.bundle, release, stack, self.target.stacks[name], world)

    def run(self, *, undo: bool = True, back: plan.Plan | None = None) -> Outcome:
        back = back or back_to(
            self.bundle, self.old.release.digest, self.old.services, deployment=1
        )
        todo = decided(
            self.bundle,
            self.new.release,
            self.new.services,
            self.target.observe("shop"),
            deployment=2,
            undo=back if undo else None,
        )
        with self.signals.handled():
            self.signals.mask()
            executor = Executor(
                platform=self.platform,
                project="shop",
                log=self.log,
                observer=self.observer,
                signals=self.signals,
                keep_evidence=lambda error: self.evidence.append(error.what),
            )
            return executor.run(todo, self.new, self.old)

    @property
    def platform(self) -> Platform:
        return Platform(self.target, self.target, Place(), Remembering(), Remedies())

    @property
    def model(self) -> Running:
        return self.target.observe("shop")


def gone() -> None:
    raise EngineUnavailable("no Docker engine answers")
