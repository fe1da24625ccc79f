"""Plans are run, and undone: at every point of failure, and under signals."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.core.bundle.schema import Invariant
from morphops.core.plan import plan
from morphops.core.stack import LaunchConfig, Service, Stack
from morphops.errors import (
    Bug,
    EngineCallFailed,
    GateFailed,
    Interrupted,
    LockLost,
)
from morphops.operations.pipeline import execute
from morphops.operations.pipeline.execute import Outcome
from tests.fakes import FakeTarget
from tests.operations.pipeline.world import NEW, OLD, Upgrade, bug, fail, failing_once, gone

CALLS = ("pull api", "remove gone", "start db", "start api")


def test_a_deploy_that_works() -> None:
    world = Upgrade()
    assert world.run() == Outcome("deployed")
    assert {c.service: c.config for c in world.model.containers} == {"api": "new", "db": "new"}
    assert world.log.steps[:3] == ["pull api bbbbbbbbbbbb", "remove gone", "start wave 1: db"]
    assert world.log.results == [f"{step}: ok" for step in world.log.steps]


def test_what_fails_before_the_first_container_is_refused() -> None:
    world = Upgrade()
    before = world.model
    world.target.on["pull api"] = fail
    outcome = world.run()
    assert (outcome.kind, str(outcome.error)) == ("refused", "the engine said no")
    assert world.model == before
    assert world.target.calls == ["pull api"]
    assert world.log.results == ["pull api bbbbbbbbbbbb: failed"]


@pytest.mark.parametrize(("step", "code"), [("pull api bbbbbbbbbbbb", 3), ("start wave 2: api", 5)])
def test_who_lost_the_lock_does_nothing_more(step: str, code: int) -> None:
    """Not even going back: whoever has the lock now decides that."""
    world = Upgrade()

    def lost() -> None:
        raise LockLost("somebody else has it")

    world.log.on[step] = lost
    outcome = world.run()
    assert (outcome.kind, str(outcome.error)) == ("failed", "somebody else has it")
    assert outcome.error is not None
    assert outcome.error.exit_code == code
    assert not any("undo" in line for line in [*world.log.steps, *world.observer.lines])
    assert step not in world.log.steps


def test_a_lock_that_is_lost_on_the_way_back() -> None:
    world = Upgrade()
    world.target.on["start api"] = fail

    def lost() -> None:
        raise LockLost("somebody else has it")

    world.log.on["undo: start wave 1: db"] = lost
    outcome = world.run()
    assert isinstance(outcome.error, LockLost)
    assert (outcome.error.exit_code, world.evidence) == (5, ["the engine said no"])
    assert outcome.error.state == "it stopped in the middle of the rollback"


@given(st.sampled_from(CALLS[1:]), st.sampled_from([fail, bug]))
def test_deploy_then_undo_is_the_identity(call: str, failure: object) -> None:
    world = Upgrade()
    before = world.model

    def once() -> None:
        del world.target.on[call]
        failure()  # type: ignore[operator]

    world.target.on[call] = once
    outcome = world.run()
    assert outcome.kind == "rolled back"
    assert world.model == before
    assert any(line.startswith("undoing:") for line in world.observer.lines)


NAMES = ("cache", "db", "api", "gone", "web")
RENDERED = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["1", "2"]), min_size=1)


class Failing(FakeTarget):
    """Fails at its n-th change, before it took effect or after."""

    def fails(self, at: int, *, done: bool) -> None:
        self._left, self._done = at, done

    def _change(self, change: Callable[[], None]) -> None:
        self._left -= 1
        if self._left or self._done:
            change()
        if not self._left:
            raise EngineCallFailed("the engine said no")

    def start(
        self, stack: Stack, services: Sequence[str], slot: str = "", again: Collection[str] = ()
    ) -> None:
        self._change(lambda: super(Failing, self).start(stack, services, slot, again))

    def remove(self, project: str, services: Sequence[str], slot: str = "") -> None:
        self._change(lambda: super(Failing, self).remove(project, services, slot))

    def teardown(self, project: str) -> None:
        self._change(lambda: super(Failing, self).teardown(project))


@given(st.one_of(st.just({}), RENDERED), RENDERED, st.integers(1, 4), st.booleans())
def test_whatever_fails_the_undo_brings_the_model_back(
    old: dict[str, str], new: dict[str, str], at: int, done: bool
) -> None:
    """For any two releases, and any change that fails: plan, then undo, is the identity."""
    world = Upgrade()
    world.bundle = replace(
        world.bundle,
        waves=(
            replace(world.bundle.waves[0], services=("cache", "db")),
            replace(world.bundle.waves[1], services=("api", "gone", "web")),
        ),
    )
    stacks: dict[str, Mapping[str, Service]] = {
        name: {n: Service(n, str(image.ref), f"{name}{v}") for n, v in rendered.items()}
        for name, image, rendered in (("old", OLD, old), ("new", NEW, new))
    }
    world.target = target = Failing(stacks, images=(OLD, NEW))
    world.old, world.new = world.prepared("old", OLD), world.prepared("new", NEW)
    target.fails(0, done=False)
    if old:
        target.start(world.old.stack, tuple(old))
    before = world.model
    target.fails(at, done=done)
    outcome = world.run() if old else world.run(back=plan.teardown())
    if outcome.kind == "deployed":  # it had fewer changes than that
        assert {c.service for c in world.model.containers} == set(new)
        return
    assert (outcome.kind, outcome.undo_error) == ("rolled back", None)
    assert world.model == before


def test_a_service_that_only_the_new_release_has_is_taken_away_again() -> None:
    world = Upgrade(("cache", "db", "api"))
    before = world.model
    world.target.on["start api"] = failing_once(world, "start api")
    outcome = world.run()
    assert (outcome.kind, outcome.undo_error) == ("rolled back", None)
    assert world.model == before


def test_a_bug_of_ours_still_brings_the_old_release_back() -> None:
    world = Upgrade()

    def once() -> None:
        world.target.on.clear()
        bug()

    world.target.on["start api"] = once
    error = world.run().error
    assert isinstance(error, Bug)
    assert isinstance(error.__cause__, RuntimeError)
    assert error.what == "RuntimeError: nobody thought of this"
    assert error.detail[-1].endswith(" in bug")


def full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/x")


@pytest.mark.parametrize(
    ("happens", "code", "says"),
    [
        (bug, 1, "RuntimeError: nobody thought of this"),
        (full, 3, "this machine refuses: No space left on device: /tmp/x"),
    ],
)
def test_what_nobody_expected_is_an_outcome_like_any_other(
    happens: Callable[[], None], code: int, says: str
) -> None:
    world = Upgrade()
    world.target.on["pull api"] = happens
    outcome = world.run()
    assert outcome.kind == "refused"
    assert outcome.error is not None
    assert (outcome.error.exit_code, outcome.error.what) == (code, says)
    world = Upgrade()
    world.target.on["start api"] = failing_once(world, "start api", happens)
    outcome = world.run()
    assert (outcome.kind, str(outcome.error)) == ("rolled back", says)


def test_a_release_that_never_gets_healthy_shows_its_last_words() -> None:
    world = Upgrade()
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
    world = Upgrade()
    world.target.on |= {"start api": fail, "start db": lambda: None}

    def undo_fails() -> None:
        world.target.on["start db"] = bug
        fail()

    world.target.on["start api"] = undo_fails
    outcome = world.run()
    assert outcome.kind == "failed"
    assert str(outcome.error) == "the engine said no"
    assert "nobody thought of this" in str(outcome.undo_error)
    # What was there when it failed, and what there is now.
    assert world.evidence == ["the engine said no", "RuntimeError: nobody thought of this"]


def test_without_a_way_back_it_stays_as_it_is() -> None:
    world = Upgrade()
    world.target.on["start api"] = fail
    outcome = world.run(undo=False)
    assert (outcome.kind, outcome.undo_error) == ("failed", None)
    assert world.target.calls[-1] == "start api"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("call", ["start db", "watch"])
def test_a_signal_leaves_things_whole(number: signal.Signals, call: str) -> None:
    world = Upgrade()
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
        assert world.target.calls[3:5] == ["remove gone", "start db"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_anything_is_touched_is_answered_once(number: signal.Signals) -> None:
    world = Upgrade()
    world.target.on["pull api"] = lambda: signal.raise_signal(number)
    outcome = world.run()
    assert outcome.kind == "refused"
    assert isinstance(outcome.error, Interrupted)
    world.signals.check()  # nothing of it is left


def test_a_second_signal_hides_no_failure_of_the_way_back() -> None:
    world = Upgrade()

    def undo_fails() -> None:
        signal.raise_signal(signal.SIGINT)
        fail()

    def once() -> None:
        world.target.on["start db"] = undo_fails
        signal.raise_signal(signal.SIGINT)

    world.target.on["start api"] = once
    outcome = world.run()
    assert outcome.kind == "failed"
    assert isinstance(outcome.error, Interrupted)
    assert str(outcome.undo_error) == "the engine said no"


def test_a_signal_that_came_before_the_first_step_is_an_outcome_like_any_other() -> None:
    world = Upgrade()
    world.signals.mask()
    with world.signals.handled():
        signal.raise_signal(signal.SIGTERM)  # while the beginning was recorded
    outcome = world.run()
    assert outcome.kind == "refused"
    assert isinstance(outcome.error, Interrupted)
    assert world.target.calls == []


def test_what_fails_under_a_signal_was_interrupted() -> None:
    """A terminal sends it to the whole group, so what a step waits for may die of it first."""
    world = Upgrade()
    before = world.model

    def both() -> None:
        signal.raise_signal(signal.SIGINT)
        fail()

    world.target.on["start db"] = failing_once(world, "start db", both)
    outcome = world.run()
    assert outcome.kind == "rolled back"
    assert isinstance(outcome.error, Interrupted)
    assert outcome.error.exit_code == 130
    assert outcome.error.detail == ("the engine said no",)
    assert world.evidence == ["the engine said no"]
    assert world.model == before
    world.signals.check()  # nothing of it is left


def test_an_image_that_is_here_is_not_pulled() -> None:
    world = Upgrade()
    world.target.held.add(str(NEW.ref))
    assert world.run().kind == "deployed"
    assert "pull api" not in world.target.calls


def test_an_engine_that_comes_back_is_waited_for() -> None:
    world = Upgrade()
    before = world.model

    def first() -> None:
        world.target.on["start db"] = second
        world.target.away = 3
        gone()

    def second() -> None:  # on the way back, whose second attempt comes through
        del world.target.on["start db"]
        gone()

    world.target.on["start db"] = first
    outcome = world.run()
    assert (outcome.kind, outcome.undo_error) == ("rolled back", None)
    assert world.model == before
    assert "waiting: the engine does not answer" in world.observer.lines


@pytest.mark.parametrize("undo", [True, False])
def test_an_engine_that_stays_away_leaves_it_to_be_ended(
    monkeypatch: pytest.MonkeyPatch, undo: bool
) -> None:
    monkeypatch.setattr(execute, "PATIENCE", 0)
    world = Upgrade()
    world.target.on |= {"start api": gone, "start db": lambda: None}
    world.target.away = 100
    outcome = world.run(undo=undo)
    assert outcome.kind == "incomplete"
    assert str(outcome.error) == "no Docker engine answers"
    assert bool(outcome.undo_error) is undo


def test_going_back_to_what_nobody_approves_of_any_more_is_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What ran before ran by right; that its approval was revoked does not touch what runs."""
    world = Upgrade()
    before = world.model
    rule = Invariant(service="api", forbids=("--loose",), why="anybody's answers")
    world.bundle = replace(world.bundle, invariants={"never-loose": rule})
    world.old, world.new = world.prepared("old", OLD), world.prepared("new", NEW)
    monkeypatch.setattr(
        FakeTarget,
        "launch_configs",
        lambda self, running: {"api-old": LaunchConfig(argv=("api", "--loose"))},
    )
    world.target.on["start api"] = failing_once(world, "start api")
    outcome = world.run()
    assert (outcome.kind, outcome.undo_error) == ("rolled back", None)
    assert world.model == before
    assert any("api: --loose is on its command line" in line for line in world.observer.lines)
    # Forward it is what it was: reason enough to go back.
    monkeypatch.setattr(
        FakeTarget,
        "launch_configs",
        lambda self, running: {"api-new": LaunchConfig(argv=("api", "--loose"))},
    )
    outcome = world.run()
    assert (outcome.kind, str(outcome.error)) == (
        "rolled back",
        "what runs is not what was released",
    )
