"""The state folder in the middle of an operation, and after it: no line can be written any more, a
line is torn or another one, what a release needs is gone.
"""

from __future__ import annotations

import json
import os
import resource as limits
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.store.hash_chain import HashChain
from morphops.errors import IntegrityError, MorphopsError, PreconditionError, RollbackFailed
from morphops.operations import audit
from morphops.operations.abort import abort
from morphops.operations.deploy import Choices, deploy
from morphops.operations.down import down
from morphops.operations.resume import resume
from morphops.operations.status import status
from tests.operations.in_memory.kept import Kept, laid
from tests.operations.in_memory.world import NEW, NEW_RUNS, OLD, OLD_RUNS, Killed, World

ENDS: Sequence[Callable[[World], object]] = (
    lambda world: resume(world.site()),
    lambda world: abort(world.site()),
)


def history(world: World) -> Path:
    return world.folder / "state/history.jsonl"


def refused_after(world: World, at: int) -> MorphopsError | None:
    """An upgrade. When it has written so many entries, no file grows any more: each line that
    comes is torn, and there is no room that was set aside.

    Returns:
        how it failed; None where it came to its end before.
    """
    append, (soft, hard) = HashChain.append, limits.getrlimit(limits.RLIMIT_FSIZE)
    written = 0

    def count(chain: HashChain, entry: Mapping[str, Any], **more: Any) -> str:
        nonlocal written
        hash_ = append(chain, entry, **more)
        written += 1
        if written == at:
            limits.setrlimit(limits.RLIMIT_FSIZE, (history(world).stat().st_size + 20, hard))
        return hash_

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HashChain, "append", count)
        try:
            deploy(world.site(), [NEW.digest])
        except MorphopsError as err:
            return err
        finally:
            limits.setrlimit(limits.RLIMIT_FSIZE, (soft, hard))
    return None


@pytest.mark.unmeasured
@pytest.mark.parametrize("first", [0, 1])
def test_a_history_that_cannot_be_written_at_any_point(
    place: Path, deployed: Kept, first: int
) -> None:
    """It stops there, says so, and is finished or undone when it can be written again."""
    codes = []
    for at in range(1, 100):
        world = laid(place, deployed)
        error = refused_after(world, at)
        if error is None:
            break
        assert "cannot write" in "\n".join((error.what, *error.detail)), at
        assert world.outcomes[-1] == ("deploy", ""), at
        codes.append(error.exit_code)
        end = (first + at) % 2
        ENDS[end](world)
        assert world.runs == (NEW_RUNS, OLD_RUNS)[end], at
        assert audit.verify(world.site(), "").engine == "agrees"
    # Which side it is on is not ours to say here; that both can be reached is.
    assert set(codes) <= {3, 5}
    assert len(codes) > 10, "there were points in the middle"


TORN = [b'{"entry":"step","id":1,"at"', b'{"entry":"begin","reason":"caf\xc3', b"\x00\x00\x00"]


@pytest.mark.parametrize("torn", TORN)
def test_a_torn_last_line_is_no_entry(running: World, torn: bytes) -> None:
    whole = history(running).read_bytes()
    history(running).write_bytes(whole + torn)
    assert status(running.site()).release == OLD.digest
    assert audit.verify(running.site(), "").engine == "agrees"
    deploy(running.site(), [NEW.digest])
    assert history(running).read_bytes().startswith(whole + b"{")
    assert torn not in history(running).read_bytes()
    assert running.runs == NEW_RUNS


def edited(lines: list[bytes]) -> list[bytes]:
    entry = json.loads(lines[1]) | {"step": "another"}
    return [lines[0], json.dumps(entry).encode(), *lines[2:]]


def dropped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


def moved(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def torn_in_the_middle(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1][:30], *lines[2:]]


@pytest.mark.parametrize("change", [edited, dropped, moved, torn_in_the_middle])
def test_another_line_is_refused_and_named(
    running: World, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    whole = history(running).read_bytes()
    history(running).write_bytes(b"\n".join([*change(whole.splitlines()), b""]))
    tasks: Sequence[Callable[[], object]] = (
        lambda: status(running.site()),
        lambda: deploy(running.site(), [NEW.digest]),
        lambda: down(running.site(), reason="x"),
        lambda: audit.verify(running.site(), ""),
    )
    for task in tasks:
        with pytest.raises(IntegrityError) as refused:
            task()
        assert refused.value.exit_code == 3
        assert f"{history(running)}:2: " in refused.value.what
    history(running).write_bytes(whole)
    assert running.runs == OLD_RUNS
    deploy(running.site(), [NEW.digest])


def killed(world: World, call: str = "create api") -> None:
    world.engine.faults.at(call, Killed(), when="after")
    with pytest.raises(Killed):
        deploy(world.site(), [NEW.digest])


def test_what_is_refused_to_be_resumed_stays_to_be_ended(running: World) -> None:
    killed(running)
    assert running.runs["api"] == "new"
    running.write_data(b"other")
    with pytest.raises(MorphopsError) as refused:
        resume(running.site())
    assert refused.value.exit_code == 3
    assert "the operation is as it was" in refused.value.state
    under_way = status(running.site()).under_way
    assert under_way is not None
    assert not under_way.alive
    running.write_data(b"rows")
    abort(running.site())
    assert running.runs == OLD_RUNS


def test_going_back_needs_nothing_of_what_was_to_come(running: World) -> None:
    killed(running)
    shutil.rmtree(running.folder / "state/releases" / NEW.digest.removeprefix("sha256:"))
    with pytest.raises(MorphopsError) as refused:
        resume(running.site())
    assert refused.value.exit_code == 3
    abort(running.site())
    assert running.runs == OLD_RUNS


def test_where_nothing_was_touched_nothing_has_to_be_undone(world: World) -> None:
    """Also where nobody knows what ran before."""
    world.sicken(NEW)
    with pytest.raises(RollbackFailed):
        deploy(world.site(), [NEW.digest], choices=Choices(no_rollback=True))
    world.engine.faults.at("pull *", Killed())
    with pytest.raises(Killed):
        deploy(world.site(), [OLD.digest])
    with pytest.raises(PreconditionError, match="operation 2"):
        down(world.site(), reason="x")
    abort(world.site())
    down(world.site(), reason="x")
    assert world.runs == {}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_incomplete(running: World, end: Callable[[World], object]) -> None:
    with pytest.raises(PreconditionError, match="no operation is incomplete"):
        end(running)
    assert os.listdir(running.folder / "state/deployments") == ["000001"]  # noqa: PTH208


def test_each_step_is_recorded_with_its_result(running: World) -> None:
    running.sicken(NEW)
    with pytest.raises(MorphopsError):
        deploy(running.site(), [NEW.digest], reason="better")
    first, second = running.records
    assert {step.result for step in first.steps} == {"ok"}
    assert first.variables == ("DATA_DIR", "TOKEN")
    assert [s.step for s in second.steps if s.result == "failed"] == ["wait for health: api"]
    undone = [step for step in second.steps if step.step.startswith("undo: ")]
    assert {step.result for step in undone} == {"ok"}
    assert all(step.took >= 0 and step.at for step in second.steps)
