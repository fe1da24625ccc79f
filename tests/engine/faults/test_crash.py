"""A deploy that is killed after a step it announced can be finished, and can be undone.

The process kills itself (SIGKILL) when it has written its n-th entry of the history, before the
engine is told of that. Every point of every operation is killed in memory
(tests/operations/in_memory/test_kills.py); here are those at which an engine is in another state.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from tests import stacks
from tests.engine.helpers import (
    Release,
    amend,
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
# Nothing is done yet; a start is announced; it was done; the first wave was done; only the end is
# missing.
POINTS = (1, TOUCHED, 1 + TOUCHED, 1 + SECOND_WAVE, ENTRIES - 1)


@pytest.fixture
def inv(inv: Inv) -> Inv:
    """Its pair is read once and not twice: that it is steady is not what is looked at here."""
    bundle = yaml.safe_load((inv.folder / "ops" / "bundle.yaml").read_text())
    bundle["probes"]["pair"]["reads"] = 1
    amend(inv, probes=bundle["probes"])
    return inv


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
    for at in (TOUCHED, 1 + SECOND_WAVE):
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
def test_an_upgrade_killed_when_a_step_was_done(inv: Inv, release: Release) -> None:
    """When its result was written, and nothing announced after it; and then killed once more.

    What is there is what is there when the next one is announced, which is ended both ways above;
    so here each is ended one way, and that is killed too.
    """
    runs, other = release(), release(pair="v2", front="v2")
    assert inv("deploy", f"--image={runs}").code == 0
    for at, how, again, end in (
        (TOUCHED, "abort", 3, "resume"),
        (SECOND_WAVE, "resume", 2, "abort"),
        (STEPS, "abort", BACK, "abort"),
    ):
        done = inv.killed(at, "deploy", f"--image={other}", kinds=("result",))
        assert done.code == KILLED, done
        done = inv.killed(again, how)
        assert done.code == KILLED, done
        ended(inv, end)
        if end == "resume":
            runs, other = other, runs
        assert_serves(inv, runs)


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


@pytest.mark.long
def test_a_rollback(inv: Inv, release: Release) -> None:
    other, runs = release(), release(pair="v2", front="v2")
    for digest in (other, runs):
        assert inv("deploy", f"--image={digest}").code == 0
    # It goes the way of an upgrade, of which more points are killed above.
    for at in (1 + TOUCHED, ENTRIES - 1):
        back = ("rollback", f"--to={other}", "--reason=x")
        assert killed(inv, at, *back)
        ended(inv, "abort")
        assert_serves(inv, runs)
        assert killed(inv, at, *back)
        ended(inv, "resume")
        assert_serves(inv, other)
        runs, other = other, runs
    assert killed(inv, ENTRIES, "rollback", f"--to={other}", "--reason=x")
    assert_serves(inv, other)


def test_going_back_needs_nothing_of_what_was_to_come(inv: Inv, release: Release) -> None:
    runs, other = release(), release(pair="v2", front="v2")
    assert inv("deploy", f"--image={runs}").code == 0
    assert killed(inv, SECOND_WAVE + 1, "deploy", f"--image={other}")
    shutil.rmtree(inv.state / "releases" / other.removeprefix("sha256:"))
    assert inv("resume").code == 3
    ended(inv, "abort")
    assert_serves(inv, runs)


def test_where_nothing_was_touched_nothing_has_to_be_undone(inv: Inv, release: Release) -> None:
    """Also where nobody knows what ran before."""
    assert inv("deploy", f"--image={release(front='wrong')}", "--no-rollback").code == 5
    assert killed(inv, 2, "deploy", f"--image={release()}")
    assert inv("down").code == 3
    ended(inv, "abort")
    assert inv("down").code == 0


def test_nothing_is_incomplete(inv: Inv) -> None:
    for end in ("resume", "abort"):
        done = inv(end)
        assert done.code == 3, done
        assert "no operation is incomplete" in done.err


def test_a_stop_that_was_cut_off(inv: Inv, release: Release) -> None:
    new = release()
    assert inv("deploy", f"--image={new}").code == 0
    assert inv.killed(1, "down").code == KILLED
    assert status(inv)["under_way"]["kind"] == "down"
    assert inv("abort").code == 0
    assert_serves(inv, new)
    assert inv.killed(1, "down").code == KILLED
    assert inv("resume", "--json").json["state"] == "down"
    assert containers(inv) == {}
