"""What was done, what runs by right, where a rollback goes; and the lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from morphops import journal
from morphops.errors import LockHeld, PreconditionError
from morphops.journal import History, Kind, Outcome, Record

Told = tuple[Kind, str, Outcome]


def records(*told: Told) -> tuple[Record, ...]:
    """Operations as (kind, release and values, outcome); `A2` is release A with other values."""
    return tuple(
        Record(
            id=number,
            kind=kind,
            release=what[:1],
            deployment=number,
            fingerprint=what[1:],
            reason="",
            user="u",
            host="h",
            began="t",
            ended="t",
            outcome=outcome,
        )
        for number, (kind, what, outcome) in enumerate(told, start=1)
    )


A: Told = ("deploy", "A", "deployed")
B: Told = ("deploy", "B", "deployed")
BACK_A: Told = ("rollback", "A", "deployed")


@pytest.mark.parametrize(
    ("told", "stack", "back"),
    [
        ((), "", ""),
        ((A,), "A", ""),
        ((A, B), "AB", "A"),
        ((A, A), "A", ""),
        ((A, B, BACK_A), "A", ""),
        ((A, B, A), "ABA", "B"),
        ((A, B, BACK_A, ("rollback", "B", "deployed")), "AB", "A"),
        ((A, ("deploy", "B", "rolled back")), "A", ""),
        ((A, ("deploy", "B", "failed"), ("deploy", "C", "refused")), "A", ""),
        ((A, B, ("down", "", "stopped"), ("up", "B", "deployed")), "AB", "A"),
        ((A, ("deploy", "A2", "deployed")), "AA", "A"),
    ],
)
def test_the_healthy_stack_and_the_way_back(told: tuple[Told, ...], stack: str, back: str) -> None:
    done = records(*told)
    assert "".join(record.release for record in journal.healthy(done)) == stack
    target = journal.rollback_target(done)
    assert (target.release if target else "") == back


def test_rollback_to_a_release_takes_its_last_healthy_deployment() -> None:
    done = records(A, ("deploy", "A2", "deployed"), B, ("deploy", "C", "rolled back"))
    found = journal.rollback_target(done, "A")
    assert found is not None
    assert found.deployment == 2
    assert journal.rollback_target(done, "C") is None


def test_down_is_known_until_something_runs_again() -> None:
    down: Told = ("down", "", "stopped")
    assert journal.is_down(records(A, down))
    assert not journal.is_down(records(A, down, ("up", "A", "deployed")))
    assert not journal.is_down(records(A))


def test_written_before_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(tmp_path / "history")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    record = history.begin("deploy", release="A", deployment=1, fingerprint="", reason="why")
    history.step(record, "pull")
    assert journal.cut_off(history.records()) == history.records()[0]
    history.end(record, "deployed")
    assert len(synced) == 3
    (found,) = history.records()
    assert (found.steps, found.outcome, found.reason) == (("pull",), "deployed", "why")
    assert journal.cut_off(history.records()) is None
    assert history.next_id() == 2


def test_a_torn_last_line_is_not_trusted_and_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = History(path)
    first = history.begin("deploy", release="A", deployment=1, fingerprint="", reason="")
    with path.open("ab") as stream:
        stream.write(b'{"entry":"end","id":1,"outco')
    assert history.records()[0].outcome == ""
    history.end(first, "deployed")
    assert history.records()[0].outcome == "deployed"


def test_a_broken_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text('{"entry"\n{"entry":"step","id":1}\n')
    with pytest.raises(PreconditionError, match=r"history:1: is no entry"):
        History(path).records()


HOLD = """
import sys, time
from pathlib import Path
from morphops import journal
with journal.lock(Path(sys.argv[1]), "deploy abc"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    names = rf"deploy abc, by .* \(pid {holder.pid}\), since"
    with pytest.raises(LockHeld, match=names), journal.lock(path, "another"):
        pytest.fail("two hold the lock")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with journal.lock(path, "another"):
        assert "another" in path.read_text()
    assert path.read_text() == ""
