"""Commands that are run to their end: what they start ends with them, and with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from morphops.adapters import process
from morphops.adapters.process import Ended
from morphops.adapters.signals import Signals


def run(script: str, folder: Path, *, timeout: float = 20, grace: float = 5) -> Ended:
    """A hook: a shell, and what it starts."""
    return process.run(
        ["sh", "-c", script],
        folder=folder,
        timeout=timeout,
        say=lambda line: None,
        env={},
        grace=grace,
        whole=True,
    )


def gone(path: Path, within: float = 5) -> bool:
    """Whether the process whose number stands in a file ends in time."""
    pid = int(path.read_text())
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":  # nobody here has to reap it
            return True
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    return False


def test_a_result(tmp_path: Path) -> None:
    ended = run("echo out; echo one >&2; echo two >&2; exit 3", tmp_path)
    assert ended == Ended(3, "out\n", ("one", "two"))
    assert run("kill -TERM $$", tmp_path).code == 143


@pytest.mark.parametrize(
    "below",
    [
        "sleep 60 & echo $! >pid; wait",
        "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >pid; while :; do sleep 0.1; done'",
        # The shell ends at once when it is told to, and what it started does not.
        "(trap '' TERM; sh -c 'echo $$ >pid; while :; do sleep 0.1; done') & wait",
    ],
)
def test_of_one_that_took_too_long_nothing_is_left(tmp_path: Path, below: str) -> None:
    ended = run(below, tmp_path, timeout=0.5, grace=0.5)
    assert ended.timed_out
    assert ended.code in (143, 137)
    assert gone(tmp_path / "pid")


def test_what_it_started_may_end_well_in_the_grace(tmp_path: Path) -> None:
    script = "sh -c 'trap \"echo undone >undone; exit\" TERM; echo >there; sleep 60 & wait' & wait"
    ended = run(script, tmp_path, timeout=0.5, grace=5)
    assert ended.timed_out
    assert (tmp_path / "undone").read_text() == "undone\n"


def test_what_goes_on_by_intent_may_where_nothing_was_stopped(tmp_path: Path) -> None:
    assert run("sleep 60 >/dev/null 2>&1 & echo $! >pid", tmp_path).code == 0
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "goes_on",
    [
        "(sleep 4; touch over) &",  # with our ends of its stdout and stderr
        "(while sleep 0.01; do echo noise; echo noise >&2; [ -e stop ] && break; done) &",
    ],
)
def test_a_command_has_ended_when_its_leader_has(tmp_path: Path, goes_on: str) -> None:
    said: list[str] = []
    ended = process.run(
        ["sh", "-c", f"{goes_on} echo $! >pid; echo started; echo last >&2; printf 'no end' >&2"],
        folder=tmp_path,
        timeout=20,
        say=said.append,
        env={},
        grace=5,
        whole=True,
    )
    (tmp_path / "stop").touch()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert not (tmp_path / "over").exists()
    assert (ended.code, "started" in ended.out.splitlines()) == (0, True)
    assert "last" in said
    assert "no end" in "\n".join(said)


@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000])
def test_all_that_it_wrote_before_its_end_is_there(tmp_path: Path, size: int) -> None:
    script = f"sleep 60 & head -c {size} /dev/zero | tr '\\0' x; echo; kill $! && printf 'é\\r\\n'"
    assert run(script, tmp_path).out == f"{'x' * size}\né\n"


def test_a_signal_ends_all_of_it(tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! >pid; sleep 0.3; kill -TERM {os.getpid()}; wait"
    signals = Signals()
    with signals.handled():
        ended = run(script, tmp_path, grace=0.5)
    assert ended.interrupted == signal.SIGTERM
    assert gone(tmp_path / "pid")


def test_a_signal_while_the_rest_of_it_has_its_grace(tmp_path: Path) -> None:
    """The leader is gone by then, and what it started ignores what it is told."""
    script = "(trap '' TERM; sh -c 'echo $$ >pid; while :; do sleep 0.1; done') & wait"
    timer = threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM))
    with Signals().handled():
        timer.start()
        ended = run(script, tmp_path, timeout=0.3, grace=20)
    assert (ended.timed_out, ended.interrupted) == (True, signal.SIGTERM)
    assert gone(tmp_path / "pid")


def test_it_ends_with_us(tmp_path: Path) -> None:
    """After a SIGKILL the lock is free, and a hook must not act outside of it."""
    script = "sh -c 'echo $$ >inner; sleep 60' & echo $$ >outer; echo ready >&2; wait"
    code = (
        "import sys; from pathlib import Path; from tests.adapters.test_process import run; "
        f"run({script!r}, Path({str(tmp_path)!r}))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    end = time.monotonic() + 20
    while not ((tmp_path / "inner").exists() and (tmp_path / "outer").exists()):
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.1)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone(tmp_path / "outer")
    assert gone(tmp_path / "inner")


def test_inv_is_told_alone_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    """It goes back by itself; a signal to its children would end what it goes back with."""
    script = "sh -c 'trap \"echo >told\" TERM; echo $$ >pid; while :; do sleep 0.1; done' & wait"
    ended = process.run(
        ["sh", "-c", script],
        folder=tmp_path,
        timeout=0.5,
        say=lambda line: None,
        env={},
        grace=0.5,
    )
    assert ended.timed_out
    assert not (tmp_path / "told").exists()
    assert gone(tmp_path / "pid")
