"""A deploy that is killed after a step it announced can be finished, and can be undone.

The process kills itself (SIGKILL) when it has written its n-th entry of the history, before the
engine is told of that. Every point of every operation is killed in memory
(tests/operations/in_memory/test_kills.py); here are those at which an engine is in another state.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests import stacks
from tests.engine.helpers import (
    Release,
    assert_serves,
    containers,
    project,
    status,
)
from tests.stacks import Inv

pytestmark = pytest.mark.engine

KILLED = -9
# Two pulls, a check, two waves of start, wait and probe, and verify.
STEPS = 10
ENTRIES = 1 + STEPS + 1  # what announces something: the beginning, each step, the end
TOUCHED = 4  # the first start; before it nothing is touched
SECOND_WAVE = 7  # when its start is announced, the first wave is done
BACK = 7  # steps of the way back: it pulls and checks nothing
# A start was done; the first wave was done; only the end is missing.
POINTS = (1 + TOUCHED, 1 + SECOND_WAVE, ENTRIES - 1)


def killed(inv: Inv, at: int, *words: str) -> bool:
    """Kill a task when it has announced so much; False where it came to its end before."""
    done = inv.killed(at, *words)
    if done.code == KILLED:
        return True
    assert done.code == 0, done
    assert at == ENTRIES + 1, "everything that was announced was a point"
    return False


def cut_off(inv: Inv, at: int) -> None:
    """What `status` says of it, and that nothing else may begin."""
    under_way = status(inv)["under_way"]
    steps = under_way["steps"]
    assert len(steps) == at - 1
    assert [step["result"] for step in steps] == ["ok"] * (at - 2) + [""] * bool(steps)
    assert (under_way["alive"], under_way["outcome"]) == (False, "")
    refused = inv("down")
    assert refused.code == 3, refused
    assert "inv resume" in refused.err


def ended(inv: Inv, how: str) -> None:
    done = inv(how)
    assert done.code == 0, done


def forget(inv: Inv) -> None:
    """As on a new machine: nothing runs, and nothing is known."""
    down = ["docker", "compose", "-p", project(inv), "down", "-t", "1"]
    subprocess.run(down, capture_output=True, check=True)
    stacks.forget(project(inv))
    (inv.state / "history.jsonl").unlink(missing_ok=True)
    shutil.rmtree(inv.state / "deployments", ignore_errors=True)


@pytest.mark.long
def test_a_first_deploy(inv: Inv, release: Release) -> None:
    new = release()
    words = ("deploy", f"--image={new}")
    at = 1 + SECOND_WAVE  # before the first start the engine is as it was
    assert killed(inv, at, *words)
    cut_off(inv, at)
    ended(inv, "resume")
    assert_serves(inv, new)
    forget(inv)
    assert killed(inv, at, *words)
    ended(inv, "abort")
    assert containers(inv) == {}
    assert status(inv)["release"] == ""
    # With its last entry a deploy is done.
    assert killed(inv, ENTRIES, *words)
    assert_serves(inv, new)
    assert not killed(inv, ENTRIES + 1, *words)


@pytest.mark.long
def test_an_upgrade(inv: Inv, release: Release) -> None:
    runs, other = release(), release(pair="v2", front="v2")
    assert inv("deploy", f"--image={runs}").code == 0
    for at in POINTS:
        assert killed(inv, at, "deploy", f"--image={other}")
        ended(inv, "abort")
        assert_serves(inv, runs)
        assert killed(inv, at, "deploy", f"--image={other}")
        before = set(containers(inv).values())
        ended(inv, "resume")
        assert_serves(inv, other)
        if at > SECOND_WAVE:
            assert len(before & set(containers(inv).values())) >= 2, (
                "the first wave was done; it is left alone"
            )
        runs, other = other, runs
    assert killed(inv, ENTRIES, "deploy", f"--image={other}")
    assert_serves(inv, other)


@pytest.mark.long
def test_killed_on_the_way_back(inv: Inv, release: Release) -> None:
    """An upgrade is interrupted, goes back by itself, and is killed in that."""
    runs, other = release(), release(pair="v2", front="v2")
    assert inv("deploy", f"--image={runs}").code == 0
    stopped = 1 + SECOND_WAVE  # with the announcement of what starts it, which is done first
    for at in (2, 5):
        words = ("deploy", f"--image={other}")
        done = inv.killed(stopped + at, *words, stopped=stopped)
        assert done.code == KILLED, done
        steps = status(inv)["under_way"]["steps"]
        assert steps[-1]["step"].startswith("undo: "), steps
        assert len(steps) == SECOND_WAVE + at
        if at == 2:
            ended(inv, "resume")
            runs, other = other, runs
        else:
            ended(inv, "abort")
        assert_serves(inv, runs)
    # With the last entry it is over.
    done = inv.killed(stopped + BACK + 1, "deploy", f"--image={other}", stopped=stopped)
    assert done.code == KILLED, done
    assert_serves(inv, runs)
