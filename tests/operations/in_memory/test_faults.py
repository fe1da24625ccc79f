"""A fault at each step of a deploy, and of its automatic rollback; a kill at each, then the rest.

The steps are those that the plan itself names, so a new kind of step fails here until somebody says
in `CALLS` what can go wrong with it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

from morphops.core.history import operations
from morphops.errors import (
    EngineCallFailed,
    GateFailed,
    MorphopsError,
    PreconditionError,
    RollbackFailed,
    RolledBack,
)
from morphops.operations.abort import abort
from morphops.operations.deploy import deploy
from morphops.operations.down import down
from morphops.operations.resume import resume
from morphops.operations.rollback import rollback
from morphops.operations.up import up
from tests.operations.in_memory.world import (
    MEMORY,
    NEW,
    NEW_RUNS,
    OLD,
    OLD_RUNS,
    Killed,
    World,
)
from tests.results import valid

TOUCHING = ("remove", "start", "stop")
When: TypeAlias = Literal["before", "after"]

# First word of a step → the engine's call that it makes first.
CALLS: Mapping[str, str] = {
    "pull": "pull *",
    "remove": "remove *",
    "start": "start *",
    "wait": "observe",
    "probe": "get *",
    "verify": "launch configs",
    "stop": "teardown",
}


def planned() -> tuple[list[str], list[str], list[str]]:
    """The steps of the first deploy, of the upgrade, and of the upgrade's automatic rollback."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        world = World(Path(folder))
        first = valid("deploy", deploy(world.site(), [OLD.digest], plan_only=True))
        deploy(world.site(), [OLD.digest])
        upgrade = valid("deploy", deploy(world.site(), [NEW.digest], plan_only=True))
    return first["steps"], upgrade["steps"], upgrade["undo"]["steps"]


FIRST, FORWARD, BACK = planned()


def touched(step: str, steps: Sequence[str] = FORWARD) -> bool:
    """Whether a container was touched once this step of a plan has begun."""
    reached = steps[: steps.index(step) + 1]
    return any(one.startswith(TOUCHING) for one in reached)


def fault(world: World, step: str, happens: BaseException, when: When = "before") -> None:
    """Let the work of a step fail, once it was announced."""
    word = step.removeprefix("undo: ").split()[0]
    arm: Callable[[], object]
    if word == "check":

        def arm() -> None:
            world.write_data(b"other rows")
            if not isinstance(happens, Exception):
                raise happens
    else:

        def arm() -> None:
            world.engine.faults.at(CALLS[word], happens, when=when)

    world.observer.on_step[step] = arm


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", FORWARD)
def test_a_fault_at_a_step_is_undone(running: World, step: str, when: When) -> None:
    if step.startswith("pull db"):
        running.engine.local.pop(str(NEW.image("db").ref))
    fault(running, step, EngineCallFailed(f"no luck with {step}"), when)
    with pytest.raises(MorphopsError) as failed:
        deploy(running.site(), [NEW.digest])
    assert running.engine.faults.pending == ()
    if touched(step):
        assert (type(failed.value), failed.value.exit_code) == (RolledBack, 4)
        assert running.outcomes[-1] == ("deploy", "rolled back")
    else:
        assert isinstance(failed.value, (PreconditionError, GateFailed))
        assert failed.value.exit_code == 3
        assert failed.value.state == "no container was touched"
        assert running.outcomes[-1] == ("deploy", "refused")
        assert not any(call.startswith(("start", "remove")) for call in running.engine.calls)
    assert running.runs == OLD_RUNS
    assert operations.release_of_record(running.records) == OLD.digest


@pytest.mark.parametrize("step", FIRST)
def test_a_fault_at_a_step_of_the_first_deploy_leaves_nothing(world: World, step: str) -> None:
    fault(world, step, EngineCallFailed("no luck"))
    with pytest.raises(MorphopsError) as failed:
        deploy(world.site(), [OLD.digest])
    exits = (4, "rolled back") if touched(step, FIRST) else (3, "refused")
    assert (failed.value.exit_code, world.outcomes[-1][1]) == exits
    assert world.runs == {}


@pytest.mark.parametrize("step", BACK)
def test_a_fault_at_a_step_of_the_automatic_rollback_calls_a_person(
    running: World, step: str
) -> None:
    running.sicken(NEW)
    fault(running, f"undo: {step}", EngineCallFailed("no luck on the way back"))
    with pytest.raises(RollbackFailed) as failed:
        deploy(running.site(), [NEW.digest])
    assert failed.value.exit_code == 5
    assert "api is unhealthy" in failed.value.what  # the first failure is not hidden
    assert "the rollback failed too" in "\n".join(failed.value.detail)
    assert "call a person" in failed.value.hint
    assert running.outcomes[-1] == ("deploy", "failed")
    assert operations.release_of_record(running.records) == OLD.digest
    # What that person types.
    running.observer.on_step.clear()
    up(running.site(), reason="the rollback failed")
    assert running.runs == OLD_RUNS


def killed(world: World, step: str) -> None:
    """An upgrade whose process is killed when a step has made its first call of the engine."""
    fault(world, step, Killed(), "after")
    with pytest.raises(Killed):
        deploy(world.site(), [NEW.digest])
    world.observer.on_step.clear()
    world.engine.faults.clear()
    world.write_data(b"rows")
    assert world.outcomes[-1] == ("deploy", "")
    # The next command says what to do, and does nothing.
    with pytest.raises(PreconditionError, match=r"operation 2"):
        deploy(world.site(), [NEW.digest])


# Before its first call, as after its announcement, each is killed in `test_kills`.
@pytest.mark.parametrize("step", FORWARD)
def test_an_operation_that_was_killed_half_done_is_resumed(running: World, step: str) -> None:
    if step.startswith("pull db"):
        running.engine.local.pop(str(NEW.image("db").ref))
    killed(running, step)
    assert valid("resume", resume(running.site()))["state"] == "healthy"
    assert running.runs == NEW_RUNS
    assert running.outcomes == [("deploy", "deployed")] * 2


@pytest.mark.parametrize("step", FORWARD)
def test_an_operation_that_was_killed_half_done_is_aborted(running: World, step: str) -> None:
    if step.startswith("pull db"):
        running.engine.local.pop(str(NEW.image("db").ref))
    killed(running, step)
    done = valid("abort", abort(running.site()))
    assert done["changed"] == touched(step)
    assert running.runs == OLD_RUNS
    assert running.outcomes[-1] == ("deploy", "rolled back" if touched(step) else "refused")


def test_a_start_that_was_killed_half_done_is_resumed_and_aborted(running: World) -> None:
    running.engine.faults.at("create api", Killed(), when="after")
    with pytest.raises(Killed):
        deploy(running.site(), [NEW.digest])
    assert running.runs["api"] == "new"
    abort(running.site())
    assert running.runs == OLD_RUNS


def test_a_kill_in_the_automatic_rollback_is_aborted(running: World) -> None:
    running.sicken(NEW)
    running.observer.on_step[f"undo: {BACK[0]}"] = lambda: running.engine.faults.at("*", Killed())
    with pytest.raises(Killed):
        deploy(running.site(), [NEW.digest])
    running.observer.on_step.clear()
    abort(running.site())
    assert running.runs == OLD_RUNS
    assert running.outcomes[-1] == ("deploy", "rolled back")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"state": "exited", "exit_code": 137}, "api exited with 137"),
        ({"state": "paused"}, "api is paused"),
    ],
)
def test_a_container_that_ends_or_stands_still_while_it_waits(
    running: World, changes: dict[str, object], says: str
) -> None:
    step = "wait for health: api"
    running.observer.on_step[step] = lambda: running.engine.becomes("api", **changes)
    with pytest.raises(RolledBack) as failed:
        deploy(running.site(), [NEW.digest])
    assert says in "\n".join((failed.value.what, *failed.value.detail))
    assert running.runs == OLD_RUNS


def test_a_down_that_was_killed_is_aborted_and_resumed(running: World) -> None:
    running.engine.faults.at("teardown", Killed())
    with pytest.raises(Killed):
        down(running.site(), reason="a new disk")
    abort(running.site())
    assert running.runs == OLD_RUNS
    running.engine.faults.at("teardown", Killed())
    with pytest.raises(Killed):
        down(running.site(), reason="a new disk")
    assert valid("resume", resume(running.site()))["state"] == "down"
    assert running.runs == {}
    assert running.outcomes[-1] == ("down", "stopped")


def test_an_up_and_a_rollback_that_were_killed_are_aborted(running: World) -> None:
    down(running.site(), reason="a new disk")
    running.engine.faults.at("start api *", Killed(), when="after")
    with pytest.raises(Killed):
        up(running.site(), reason="the disk is here")
    abort(running.site())
    assert running.runs == {}
    up(running.site(), reason="once more")
    deploy(running.site(), [NEW.digest])
    running.engine.faults.at("start api *", Killed(), when="after")
    with pytest.raises(Killed):
        rollback(running.site(), reason="it is slow")
    abort(running.site())
    assert running.runs == NEW_RUNS


def test_a_pull_of_another_image_is_refused(running: World) -> None:
    image = NEW.image("api")
    running.engine.local.pop(str(image.ref), None)
    running.engine.served[str(image.ref)] = OLD.image("api")
    with pytest.raises(PreconditionError, match="not the image that the release recorded"):
        deploy(running.site(), [NEW.digest])
    assert running.runs == OLD_RUNS
