"""Plans are run, and undone: at every point of failure, and under signals."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops import engine, plan
from morphops.engine import Outcome, Scene, Signals
from morphops.errors import Bug, EngineCallFailed, GateFailed, Interrupted
from morphops.model import Image, Release
from morphops.probes import World
from morphops.target import Running, Service, Stack
from tests.fakes import FakeTarget, Recorder
from tests.test_plan import BUNDLE, digest, image

OLD, NEW = image("api", "a"), replace(image("api", "b"), config=digest("d"))
QUIET = replace(
    BUNDLE, probes={}, checks=(), waves=tuple(replace(w, probes=()) for w in BUNDLE.waves)
)
CALLS = ("pull api", "remove gone", "start db", "start api")


def fail() -> None:
    raise EngineCallFailed("the engine said no")


def bug() -> None:
    raise RuntimeError("nobody thought of this")


def failing_once(world: World1, call: str) -> Callable[[], None]:
    def once() -> None:
        del world.target.on[call]
        fail()

    return once


class World1:
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
        self.old, self.new = self._scene("old", OLD), self._scene("new", NEW)
        self.target.start(self.old.stack, ("db", "api", "gone"))
        self.target.calls.clear()
        self.observer, self.announced, self.signals = Recorder(), list[str](), Signals()

    def _services(self, image: Image, config: str, names: tuple[str, ...]) -> dict[str, Service]:
        return {name: Service(name, str(image.ref), config) for name in names}

    def _scene(self, name: str, image: Image) -> Scene:
        release = Release(digest("1" if name == "new" else "0"), "shop", (image,), {})
        stack = Stack("shop", (), Path(name))
        world = World(self.target, "shop", {})
        return Scene(self.bundle, release, stack, self.target.stacks[name], world)

    def run(self, *, undo: bool = True) -> Outcome:
        back = plan.back(self.bundle, self.old.release.digest, self.old.services, deployment=1)
        todo = plan.deploy(
            self.bundle,
            self.new.release,
            self.new.services,
            self.target.observe("shop"),
            deployment=2,
            undo=back if undo else None,
        )
        with self.signals.handled():
            return engine.run(
                todo,
                self.new,
                self.old,
                target=self.target,
                project="shop",
                announce=self.announced.append,
                observer=self.observer,
                signals=self.signals,
            )

    @property
    def model(self) -> Running:
        return self.target.observe("shop")


def test_a_deploy_that_works() -> None:
    world = World1()
    assert world.run() == Outcome("deployed")
    assert {c.service: c.config for c in world.model.containers} == {"api": "new", "db": "new"}
    assert world.announced[:3] == ["pull api bbbbbbbbbbbb", "remove gone", "start wave 1: db"]


def test_what_fails_before_the_first_container_is_refused() -> None:
    world = World1()
    before = world.model
    world.target.on["pull api"] = fail
    outcome = world.run()
    assert (outcome.kind, str(outcome.error)) == ("refused", "the engine said no")
    assert world.model == before
    assert world.target.calls == ["pull api"]


@given(st.sampled_from(CALLS[1:]), st.sampled_from([fail, bug]))
def test_deploy_then_undo_is_the_identity(call: str, failure: object) -> None:
    world = World1()
    before = world.model

    def once() -> None:
        del world.target.on[call]
        failure()  # type: ignore[operator]

    world.target.on[call] = once
    outcome = world.run()
    assert outcome.kind == "rolled back"
    assert world.model == before
    assert any(line.startswith("undoing:") for line in world.observer.lines)


def test_a_service_that_only_the_new_release_has_is_taken_away_again() -> None:
    world = World1(("cache", "db", "api"))
    before = world.model
    world.target.on["start api"] = failing_once(world, "start api")
    outcome = world.run()
    assert (outcome.kind, outcome.undo_error) == ("rolled back", None)
    assert world.model == before


def test_a_bug_of_ours_still_brings_the_old_release_back() -> None:
    world = World1()

    def once() -> None:
        world.target.on.clear()
        bug()

    world.target.on["start api"] = once
    error = world.run().error
    assert isinstance(error, Bug)
    assert isinstance(error.__cause__, RuntimeError)
    world.target.on["pull api"] = bug
    world.target.held.clear()
    with pytest.raises(RuntimeError):
        world.run()


def test_a_release_that_never_gets_healthy_shows_its_last_words() -> None:
    world = World1()
    world.bundle = replace(
        world.bundle, waves=tuple(replace(w, deadline=0) for w in world.bundle.waves)
    )
    world.target.sick.add(str(NEW.ref))
    outcome = world.run()
    assert outcome.kind == "rolled back"
    assert isinstance(outcome.error, GateFailed)
    assert outcome.error.detail == (
        "last health check of db:",
        "  503",
        "last log lines of db:",
        "  last words of db",
    )


def test_a_failed_undo_hides_nothing() -> None:
    world = World1()
    world.target.on |= {"start api": fail, "start db": lambda: None}

    def undo_fails() -> None:
        world.target.on["start db"] = bug
        fail()

    world.target.on["start api"] = undo_fails
    outcome = world.run()
    assert outcome.kind == "failed"
    assert str(outcome.error) == "the engine said no"
    assert "nobody thought of this" in str(outcome.undo_error)


def test_without_a_way_back_it_stays_as_it_is() -> None:
    world = World1()
    world.target.on["start api"] = fail
    outcome = world.run(undo=False)
    assert (outcome.kind, outcome.undo_error) == ("failed", None)
    assert world.target.calls[-1] == "start api"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("call", ["start db", "watch"])
def test_a_signal_leaves_things_whole(number: signal.Signals, call: str) -> None:
    world = World1()
    before, handler = world.model, signal.getsignal(number)

    def once() -> None:
        # The second one comes in the middle of the undo.
        world.target.on[call] = lambda: signal.raise_signal(number)
        signal.raise_signal(number)

    world.target.on[call] = once
    outcome = world.run()
    assert outcome.kind == "rolled back"
    assert isinstance(outcome.error, Interrupted)
    assert outcome.error.exit_code == 128 + number
    assert world.model == before
    assert signal.getsignal(number) is handler
    if call == "start db":  # it was finished first, and nothing was begun after it
        assert world.target.calls[:3] == ["pull api", "remove gone", "start db"]
        assert world.target.calls[3] == "start db"


def test_an_image_that_is_here_is_not_pulled() -> None:
    world = World1()
    world.target.held.add(str(NEW.ref))
    assert world.run().kind == "deployed"
    assert "pull api" not in world.target.calls
