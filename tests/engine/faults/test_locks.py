"""The lock on the engine: one at a time, named, gone with its holder, taken from one who hangs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters import actor
from morphops.adapters.docker import lock_image
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.lock import EngineLock
from morphops.errors import LockHeld
from tests.engine.helpers import Release, assert_serves, containers, hook, status
from tests.stacks import Inv

pytestmark = pytest.mark.engine


def held_by(inv: Inv, *words: str) -> dict[str, Any]:
    """Wait until the lock is held, and say by whom."""
    end = time.monotonic() + 600
    while time.monotonic() < end:
        view: dict[str, Any] = inv("lock.status", "--json").json
        if view["state"] == "held":
            return view
    raise AssertionError("nobody took the lock")


@pytest.mark.long
def test_two_at_once(inv: Inv, release: Release) -> None:
    """Several times: exactly one runs, and the other says who."""
    runs, other = release(), release(front="v2")
    assert inv("deploy", f"--image={runs}").code == 0
    for _ in range(3):
        both = [inv.start("deploy", f"--image={other}", "--reason=a race") for _ in range(2)]
        ended = [process.communicate(timeout=600) for process in both]
        codes = [process.returncode for process in both]
        assert sorted(codes) == [0, 3], ended
        winner, loser = both[codes.index(0)], ended[codes.index(3)][1]
        assert "another operation is under way" in loser, loser
        assert f"deploy {other.removeprefix('sha256:')[:12]} (a race), by " in loser, loser
        assert f"(pid {winner.pid})" in loser, loser
        runs, other = other, runs
    assert_serves(inv, runs)


def test_a_dead_holder_holds_nothing(inv: Inv, release: Release) -> None:
    first = release()
    assert inv("deploy", f"--image={first}").code == 0
    hook(inv, "before-deploy", "sleep 3600")
    holder = inv.start("deploy", f"--image={first}")
    view = held_by(inv)
    assert view["holder"]["pid"] == holder.pid
    assert set(view["holder"]) == {"what", "reason", "user", "host", "pid", "since"}
    refused = inv("down")
    assert refused.code == 3, refused
    assert "by " in refused.err
    assert inv("status").code == 0  # who only looks needs no lock
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    # A lock that outlived its holder would not be free within these ten minutes.
    done = inv("down", "--wait-lock=600")
    assert done.code == 0, done


def test_a_hook_does_not_wait_for_its_own_operation(inv: Inv, release: Release) -> None:
    first = release()
    inside = inv.folder / "inside"
    look = f"inv status --json >{inside}.status"
    change = f"inv down --wait-lock=600 2>{inside}.down; echo $? >{inside}.code"
    hook(inv, "after-deploy", f"{look}\n{change}")
    bin_ = Path(os.sys.executable).parent  # type: ignore[attr-defined]
    done = inv("deploy", f"--image={first}", env={"PATH": f"{bin_}:{os.environ['PATH']}"})
    assert done.code == 0, done
    assert first in Path(f"{inside}.status").read_text()
    assert Path(f"{inside}.code").read_text() == "3\n"
    assert "was started by the operation that holds the lock" in Path(f"{inside}.down").read_text()
    assert_serves(inv, first)


def test_the_lock_is_taken_from_one_in_the_middle(inv: Inv, release: Release) -> None:
    """It stops where it is; whoever has the lock now decides how that ends."""
    first, slow = release(), release(pair="slow")
    assert inv("deploy", f"--image={first}").code == 0
    hangs = inv.start("deploy", f"--image={slow}")
    for line in hangs.stderr:
        if "waiting:" in line:
            break
    broken = inv("lock.break", "--reason=hangs", "--json")
    assert broken.json["cut_off"] == 2, broken
    _, err = hangs.communicate(timeout=600)
    assert hangs.returncode == 5, err
    assert "the lock was taken away" in err
    assert "inv abort" in err
    assert status(inv)["under_way"]["alive"] is False
    assert inv("abort").code == 0
    assert_serves(inv, first)


# `inv` that stops itself (SIGSTOP) around writing the first entry that begins with these words.
STOPS = """
import os, signal, sys
from invoke.main import program
from morphops.adapters.store.hash_chain import HashChain
when, words, append, doing = sys.argv.pop(1), sys.argv.pop(1), HashChain.append, [""]
def stop(chain, entry, **more):
    global words
    doing[0] = entry.get("step", doing[0])
    here = bool(words) and f"{entry['entry']} {doing[0]}".startswith(words)
    words = "" if here else words
    if here and when == "before":
        os.kill(os.getpid(), signal.SIGSTOP)
    hash_ = append(chain, entry, **more)
    if here and when == "after":
        os.kill(os.getpid(), signal.SIGSTOP)
    return hash_
HashChain.append = stop
sys.exit(program.run())
"""


def state(pid: int) -> str:
    """Of a process, as the kernel has it; T is one that was stopped (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.long
def test_one_that_was_stopped_does_nothing_more_when_it_goes_on(inv: Inv, release: Release) -> None:
    """Its lock is taken while it is stopped: also after it asked for it.

    Every place is taken in memory (tests/operations/in_memory/test_kills.py).
    """
    first, second = release(), release(pair="v2", front="v2")
    assert inv("deploy", f"--image={first}").code == 0
    for when, words, code in (
        ("before", "begin", 3),
        ("after", "step start wave 1", 3),
        ("before", "result start wave 1", 5),
    ):
        stopped = inv.start_script(STOPS, "-c", when, words, "deploy", f"--image={second}")
        while state(stopped.pid) != "T":
            assert stopped.poll() is None, (when, words, stopped.communicate())
            time.sleep(0.02)
        broken = inv("lock.break", "--reason=stopped", "--json")
        assert broken.code == 0, broken
        cut = broken.json["cut_off"]
        assert bool(cut) == (words != "begin")
        before, written = containers(inv), (inv.state / "history.jsonl").read_bytes()
        stopped.send_signal(signal.SIGCONT)
        _, err = stopped.communicate(timeout=600)
        assert stopped.returncode == code, (when, words, err)
        assert "the lock was taken away" in err
        assert "Traceback" not in err
        assert containers(inv) == before, (when, words)
        assert (inv.state / "history.jsonl").read_bytes() == written, (when, words)
        assert inv("audit.verify").code == 0
        if cut:
            assert inv("abort").code == 0, (when, words)
        assert_serves(inv, first)


@pytest.fixture
def place(docker: Docker) -> tuple[EngineLock, str]:
    return EngineLock(docker), f"morphops-test-{uuid.uuid4().hex[:8]}"


def child(work: Callable[[], object]) -> int:
    """Do it in a process of its own; its number."""
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def test_a_client_killed_while_it_takes_the_lock(place: tuple[EngineLock, str]) -> None:
    """Random moments of the time that this takes, all over it; it is never left stuck."""
    lock, project = place

    def take() -> None:
        with lock.hold(project, actor.holder("taking")):
            time.sleep(60)

    with lock.hold(project, actor.holder("first")):  # the image is there from now on
        pass
    begun = time.monotonic()
    with lock.hold(project, actor.holder("second")):
        took = time.monotonic() - begun
    chance, moments = random.Random(5), 10
    for number in range(moments):
        pid = child(take)
        time.sleep((number + chance.random()) / moments * took)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with lock.hold(project, actor.holder("next"), wait=600) as held:
            assert held.alive()
    assert lock.holder(project) is None
    left = ["docker", "ps", "-aq", "--filter", f"label=morphops.lock={project}"]
    assert subprocess.run(left, capture_output=True, text=True, check=True).stdout == ""


def test_a_client_killed_between_creating_and_starting(place: tuple[EngineLock, str]) -> None:
    """The one trap: the name is taken by a container that nobody will ever start."""
    lock, project = place
    with lock.hold(project, actor.holder("first")):
        pass
    name = f"morphops-lock-{project}"
    create = ["docker", "create", "--name", name, "--label", f"morphops.lock={project}"]
    subprocess.run([*create, lock_image.reference()], check=True, capture_output=True)
    assert lock.holder(project) is None
    with lock.hold(project, actor.holder("next")) as held:
        assert held.alive()


def test_only_one_of_many(place: tuple[EngineLock, str]) -> None:
    lock, project = place
    # One that is typed in Latin-1 is no text to an engine; the lock is held all the same.
    with lock.hold(project, actor.holder("one", "caf\udce9")) as held:
        holder = lock.holder(project)
        assert holder == held.holder
        assert held.alive()
        with pytest.raises(LockHeld, match=r"one \(caf\?\), by "):
            lock.hold(project, actor.holder("two")).__enter__()
        with pytest.raises(LockHeld, match=r"waited 1 s"):
            lock.hold(project, actor.holder("three"), wait=1).__enter__()
        other = f"{project}-other"
        with lock.hold(other, actor.holder("another project's")):
            assert lock.holder(other) != holder
        lock.steal(project, actor.holder("somebody else's"))
        assert held.alive()
        lock.steal(project, held.holder)
        assert not held.alive()
    assert lock.holder(project) is None


def test_its_image_is_brought_where_it_is_missing(place: tuple[EngineLock, str]) -> None:
    lock, project = place
    subprocess.run(["docker", "image", "rm", "-f", lock_image.reference()], capture_output=True)
    with lock.hold(project, actor.holder("one")) as held:
        assert held.alive()
