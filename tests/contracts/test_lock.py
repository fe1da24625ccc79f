"""What every `Lock` promises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from morphops.core.lock import Holder
from morphops.errors import LockHeld
from tests.contracts.place import PATIENCE, Place

HOLD = """
import sys, time
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.lock import EngineLock
from morphops.core.lock import Holder
holder = Holder(token="t", what="deploy", reason="", user="u", host="h", pid=1, since="now")
with EngineLock(Docker()).hold(sys.argv[1], holder):
    print("held", flush=True)
    time.sleep(1000)
"""


def holder(token: str) -> Holder:
    return Holder(
        token=token,
        what="deploy 1234567890ab",
        reason="a new release",
        user="ann",
        host="ops-1",
        pid=4711,
        since="2026-01-01T00:00:00+00:00",
    )


ANN, BEN = holder("a" * 32), holder("b" * 32)


def test_it_is_exclusive_and_says_who_has_it(place: Place) -> None:
    mine, theirs = place.client().lock, place.client().lock
    assert theirs.holder(place.project) is None
    with mine.hold(place.project, ANN) as held:
        assert held.holder == ANN
        assert held.alive()
        assert theirs.holder(place.project) == ANN
        with pytest.raises(LockHeld, match=r"a new release.*by ann on ops-1"):
            theirs.hold(place.project, BEN).__enter__()
        assert theirs.holder(place.project) == ANN
    assert theirs.holder(place.project) is None
    with theirs.hold(place.project, BEN):
        assert mine.holder(place.project) == BEN


def test_each_project_has_its_own(place: Place) -> None:
    lock = place.client().lock
    with lock.hold(place.project, ANN), lock.hold(f"{place.project}-2", BEN):
        assert lock.holder(place.project) == ANN


def test_it_is_let_go_when_the_block_fails(place: Place) -> None:
    lock = place.client().lock
    with pytest.raises(RuntimeError), lock.hold(place.project, ANN):
        raise RuntimeError
    assert lock.holder(place.project) is None


def test_somebody_can_wait_for_it(place: Place) -> None:
    had = threading.Event()

    def wait() -> None:
        with place.client().lock.hold(place.project, BEN, wait=PATIENCE):
            had.set()

    waiting = threading.Thread(target=wait, daemon=True)
    with place.client().lock.hold(place.project, ANN):
        waiting.start()
    assert had.wait(PATIENCE)
    waiting.join()
    assert place.client().lock.holder(place.project) is None


def test_what_the_holder_started_is_told_so_and_does_not_wait(place: Place) -> None:
    lock = place.client().lock
    with (
        lock.hold(place.project, ANN),
        pytest.raises(LockHeld, match="started by the operation that holds the lock"),
    ):
        lock.hold(place.project, BEN, wait=PATIENCE, inside=ANN.token).__enter__()


def test_a_lock_that_is_stolen_is_not_held_any_more(place: Place) -> None:
    lock, thief = place.client().lock, place.client().lock
    with lock.hold(place.project, ANN) as held:
        thief.steal(place.project, BEN)  # who does not have it
        assert held.alive()
        thief.steal(place.project, ANN)
        assert not held.alive()
        assert thief.holder(place.project) is None


def test_a_lock_that_was_let_go_is_taken_again_where_nobody_was_faster(place: Place) -> None:
    lock, other = place.client().lock, place.client().lock
    with lock.hold(place.project, ANN) as held:
        other.steal(place.project, ANN)
        held.reacquire()
        assert held.alive()
        other.steal(place.project, ANN)
        with other.hold(place.project, BEN):
            with pytest.raises(LockHeld):
                held.reacquire()
            assert not held.alive()
            assert other.holder(place.project) == BEN


def test_it_dies_with_its_holder(place: Place) -> None:
    if not place.survives:
        pytest.skip("everything is one process here")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, place.project], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    end = time.monotonic() + PATIENCE
    while place.client().lock.holder(place.project) and time.monotonic() < end:
        time.sleep(0.05)
    with place.client().lock.hold(place.project, ANN, wait=PATIENCE):
        pass
