"""A kill at every entry of the history that an operation announces, and what ends it then.

A process that is killed when it has written an entry has not told the engine of it yet, so `write
head` is where such a kill is put; and where a result was written and nothing announced after it,
that is when the next step begins.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

from morphops.errors import LockLost, MorphopsError
from morphops.operations import lock
from morphops.operations.abort import abort
from morphops.operations.deploy import deploy
from morphops.operations.resume import resume
from morphops.operations.rollback import rollback
from morphops.testing import FakeEngine
from tests.machine import send
from tests.operations.in_memory.kept import keep, laid
from tests.operations.in_memory.killing import Act, is_killed
from tests.operations.in_memory.world import (
    NEW,
    NEW_RUNS,
    OLD,
    OLD_RUNS,
    Killed,
    World,
)

Runs: TypeAlias = dict[str, str]
When: TypeAlias = Literal["before", "after"]
ENDS: dict[str, Act] = {
    "resume": lambda world: resume(world.site()),
    "abort": lambda world: abort(world.site()),
}


def prepared(*releases: str) -> Act:
    """Deploy these, one after the other."""

    def prepare(world: World) -> None:
        for release in releases:
            deploy(world.site(), [release])

    return prepare


def interrupted(world: World) -> None:
    """An upgrade that hears a signal when everything new was started, and rolls back by itself."""
    world.observer.on_step["wait for health: api"] = lambda: send(signal.SIGTERM)
    try:
        deploy(world.site(), [NEW.digest])
    except MorphopsError:
        pass  # how it comes out is looked at elsewhere
    finally:
        world.observer.on_step.clear()


@dataclass(frozen=True)
class Operation:
    """One to be killed: what ran before it, and what runs after it."""

    prepare: Act
    act: Act
    before: Runs
    after: Runs


OPERATIONS = {
    "a first deploy": Operation(
        prepared(), lambda world: deploy(world.site(), [OLD.digest]), {}, OLD_RUNS
    ),
    "an upgrade": Operation(
        prepared(OLD.digest), lambda world: deploy(world.site(), [NEW.digest]), OLD_RUNS, NEW_RUNS
    ),
    "a rollback": Operation(
        prepared(OLD.digest, NEW.digest),
        lambda world: rollback(world.site(), reason="it is slow"),
        NEW_RUNS,
        OLD_RUNS,
    ),
    "an automatic rollback": Operation(prepared(OLD.digest), interrupted, OLD_RUNS, NEW_RUNS),
}


Lay: TypeAlias = Callable[[Operation], World]


@pytest.fixture(scope="module")
def lay(folders: Path, made: FakeEngine) -> Lay:
    """A world that is prepared for an operation; it is made once."""
    engines: dict[Act, FakeEngine] = {}

    def lay(operation: Operation) -> World:
        prepare = operation.prepare
        name = f"prepared {[*OPERATIONS.values()].index(operation)}"
        if prepare not in engines:
            world = laid(folders, "made", made)
            prepare(world)
            engines[prepare] = keep(folders, name, world)
        return laid(folders, name, engines[prepare])

    return lay


def ended(world: World, operation: Operation, end: str) -> bool:
    """End what was killed; False where it had written its last entry, and was done."""
    (_, outcome) = world.outcomes[-1]
    if not outcome:
        ENDS[end](world)
        assert world.outcomes[-1][1] in ("deployed", "rolled back", "refused")
        assert world.runs == (operation.after if end == "resume" else operation.before)
    else:
        assert world.runs == (operation.before if outcome == "rolled back" else operation.after)
    return not outcome


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_killed_when_it_has_announced_something(
    folders: Path, lay: Lay, operation: Operation
) -> None:
    for at in range(1, 100):
        world = lay(operation)
        if not is_killed(world, operation.act, at):
            break
        killed = keep(folders, "killed", world)
        if ended(world, operation, "abort"):
            assert ended(laid(folders, "killed", killed), operation, "resume")
    assert 9 < at < 99, "there were points, and it came to its end"


def test_what_was_aborted_is_begun_again(lay: Lay) -> None:
    """And is killed, and finished."""
    operation = OPERATIONS["an upgrade"]
    world = lay(operation)
    for at in (3, 9):
        assert is_killed(world, operation.act, at)
        assert ended(world, operation, "abort")
    assert is_killed(world, operation.act, 9)
    assert ended(world, operation, "resume")


@pytest.mark.parametrize(("first", "then"), [("resume", "abort"), ("abort", "resume")])
def test_what_ends_it_is_killed_as_well(folders: Path, lay: Lay, first: str, then: str) -> None:
    operation = OPERATIONS["an upgrade"]
    world = lay(operation)
    assert is_killed(world, operation.act, 9)
    killed = keep(folders, "killed", world)
    for at in range(1, 100):
        world = laid(folders, "killed", killed)
        if not is_killed(world, ENDS[first], at):
            break
        ended(world, operation, then)
    assert 5 < at < 99, "there were points, and it came to its end"


def test_killed_when_a_step_was_done_and_nothing_announced_after_it(
    folders: Path, lay: Lay
) -> None:
    operation = OPERATIONS["an upgrade"]
    world = lay(operation)
    operation.act(world)
    steps = world.observer.steps
    assert len(steps) > 5

    def die() -> None:
        raise Killed

    for step in steps:
        world = lay(operation)
        world.observer.on_step[step] = die
        with pytest.raises(Killed):
            operation.act(world)
        world.observer.on_step.clear()
        killed = keep(folders, "killed", world)
        for end in ENDS:
            assert ended(laid(folders, "killed", killed), operation, end)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lock_that_is_taken_while_it_announces_something(lay: Lay, when: When) -> None:
    """By `inv lock.break`, from one that is stopped there: it does nothing more, whatever it was.

    Before the engine is told, or after it. With its last entry an operation is done.
    """
    operation = OPERATIONS["an upgrade"]
    codes = []
    for at in range(1, 100):
        world = lay(operation)
        left: list[object] = []
        announced = 0

        def take(world: World = world, at: int = at, left: list[object] = left) -> None:
            nonlocal announced
            announced += 1
            if announced != at:
                return
            world.engine.faults.clear()
            lock.take_away(world.site(), reason="it hangs")
            left.extend(_state(world))

        world.engine.faults.at("write head", take, times=1000, when=when)
        lost: LockLost | None = None
        try:
            operation.act(world)
        except LockLost as err:
            lost = err
        if lost is None:
            break
        assert "the lock was taken away" in lost.what
        codes.append(lost.exit_code)
        assert _state(world) == left, at
        ENDS["abort"](world)
        assert world.runs == OLD_RUNS
    assert codes == sorted(codes), "3 while nothing was touched, and 5 from then on"
    assert set(codes) == {3, 5}
    assert len(codes) > 9


def _state(world: World) -> list[object]:
    history = (world.folder / "state/history.jsonl").read_bytes()
    return [history, [c.id for c in world.engine_view()], list(world.engine.calls)]
