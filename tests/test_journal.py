"""What was done, what runs by right, where a rollback goes; and the lock."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from morphops import journal
from morphops.errors import LockHeld, PreconditionError
from morphops.journal import History, Kind, Outcome, Record

Told = tuple[Kind, str, Outcome | Literal[""]]


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


BACK_B: Told = ("rollback", "B", "deployed")
C: Told = ("deploy", "C", "deployed")


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
        ((A, B, A, BACK_B), "AB", "A"),
        ((A, B, A, BACK_B, BACK_A), "A", ""),
        ((A, B, BACK_A, B), "AB", "A"),
        ((A, B, B), "AB", "A"),
        ((A, B, C, BACK_A), "A", ""),
        ((A, B, C, BACK_A, ("rollback", "C", "deployed")), "AC", "A"),
        ((A, B, ("rollback", "A", "failed")), "AB", "A"),
        ((A, B, ("rollback", "A", "rolled back")), "AB", "A"),
        ((A, ("deploy", "B", "")), "A", ""),
        ((("deploy", "A", "rolled back"),), "", ""),
        ((A, B, ("up", "A", "deployed")), "AB", "A"),
        ((A, ("deploy", "A2", "deployed"), BACK_A), "A", ""),
        ((A, B, ("rollback", "A2", "deployed")), "ABA", "B"),
    ],
)
def test_the_healthy_stack_and_the_way_back(told: tuple[Told, ...], stack: str, back: str) -> None:
    done = records(*told)
    assert "".join(record.release for record in journal.healthy(done)) == stack
    target = journal.rollback_target(done)
    assert (target.release if target else "") == back
    record = journal.of_record(done)
    assert (record.release if record else "") == stack[-1:]


def test_rollback_to_a_release_takes_its_last_healthy_deployment() -> None:
    done = records(A, ("deploy", "A2", "deployed"), B, ("deploy", "C", "rolled back"))
    found = journal.rollback_target(done, "A")
    assert found is not None
    assert found.deployment == 2
    assert journal.rollback_target(done, "C") is None
    assert journal.rollback_target(done, "unheard-of") is None


def test_rollback_goes_to_values_as_well_as_to_a_release() -> None:
    done = records(A, ("deploy", "A2", "deployed"), ("deploy", "A3", "failed"))
    target = journal.rollback_target(done)
    assert target is not None
    assert (target.deployment, target.fingerprint) == (1, "")
    again = records(A, B, ("up", "B", "deployed"), A, BACK_B)
    target = journal.rollback_target(again)
    assert target is not None
    assert target.deployment == 1


def test_what_was_cut_off_is_the_last_operation_only() -> None:
    assert journal.cut_off(()) is None
    assert journal.cut_off(records(A, B)) is None
    cut = records(A, ("deploy", "B", ""))
    assert journal.cut_off(cut) == cut[-1]
    assert journal.cut_off(records(("deploy", "B", ""), A)) is None


def test_down_is_known_until_something_runs_again() -> None:
    down: Told = ("down", "", "stopped")
    assert journal.is_down(records(A, down))
    assert not journal.is_down(records(A, down, ("up", "A", "deployed")))
    assert not journal.is_down(records(A))
    assert not journal.is_down(())
    assert not journal.is_down(records(A, ("down", "", "failed")))
    assert journal.is_down(records(A, down, ("up", "A", "failed")))


def begun(history: History, release: str = "A") -> Record:
    return history.begin("deploy", release=release, deployment=1, fingerprint="", reason="why")


def test_operations_are_put_together_from_their_entries(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    assert history.records() == ()
    assert history.next_id() == 1
    one = begun(history)
    history.step(one, "pull")
    history.step(one, "start wave 1")
    assert journal.cut_off(history.records()) == history.records()[0]
    assert history.next_id() == 2
    history.end(one, "rolled back", "unhealthy: é\n second line")
    two = begun(history, "B")
    history.end(two, "deployed")
    first, second = history.records()
    assert (first.steps, first.outcome) == (("pull", "start wave 1"), "rolled back")
    assert (first.reason, first.error) == ("why", "unhealthy: é\n second line")
    assert first.began <= first.ended
    assert (second.id, second.release, second.steps) == (2, "B", ())
    assert second.as_json()["outcome"] == "deployed"
    assert journal.cut_off(history.records()) is None
    assert len((tmp_path / "history").read_bytes().splitlines()) == 6
    assert stat.S_IMODE((tmp_path / "history").stat().st_mode) == 0o600


def test_an_entry_is_on_disk_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history"
    synced: list[str] = []

    def fsync(handle: int) -> None:
        what = Path(f"/proc/self/fd/{handle}").readlink()
        last = path.read_text().splitlines()[-1]
        synced.append("folder" if what == tmp_path else json.loads(last)["entry"])

    monkeypatch.setattr(os, "fsync", fsync)
    history = History(path)
    record = begun(history)
    # The first entry makes the file, whose name must outlive a power cut as well.
    assert synced == ["begin", "folder"]
    history.step(record, "pull")
    assert synced[2:] == ["step"]
    history.end(record, "deployed")
    assert synced[3:] == ["end"]


@pytest.mark.parametrize(
    "torn", [b'{"entry":"end","id":1,"outco', b"{", b'{"entry":"step","id":1,"step":"pull"}']
)
def test_a_torn_last_line_is_not_trusted_and_is_repaired(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "history"
    history = History(path)
    first = begun(history)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert (history.records()[0].outcome, history.records()[0].steps) == ("", ())
    assert path.read_bytes() == whole + torn  # looking repairs nothing
    history.end(first, "deployed")
    assert (history.records()[0].outcome, history.records()[0].steps) == ("deployed", ())
    assert path.read_bytes().startswith(whole)


def test_a_first_line_that_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b'{"entry":"beg')
    assert History(path).records() == ()
    begun(History(path))
    assert [record.id for record in History(path).records()] == [1]


BEGIN: dict[str, Any] = {
    "entry": "begin",
    "id": 1,
    "kind": "deploy",
    "release": "A",
    "deployment": 1,
    "fingerprint": "",
    "reason": "",
    "user": "u",
    "host": "h",
    "began": "t",
}


@pytest.mark.parametrize(
    "broken",
    [
        '{"entry"',
        "5",
        "[]",
        "{}",
        '{"entry":"step","id":2,"step":"of nothing"}',
        '{"entry":"end","id":2,"outcome":"deployed"}',
        '{"entry":"step","id":1}',
        '{"entry":"begin","id":2}',
        '{"entry":"end","id":1,"unheard_of":1}',
        '{"entry":"pause","id":1}',
        "\xff",
    ],
)
def test_a_line_that_is_no_entry_is_refused(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "history"
    for after in ("", json.dumps({"entry": "step", "id": 1, "step": "pull"}) + "\n"):
        text = f"{json.dumps(BEGIN)}\n{broken}\n{after}"
        path.write_text(text, encoding="latin-1")
        with pytest.raises(PreconditionError) as caught:
            History(path).records()
        assert caught.value.what == f"{path}:2: is no entry of the history"
        assert "backup" in caught.value.hint
        assert path.read_text(encoding="latin-1") == text


def test_an_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text(json.dumps(BEGIN) + "\n")
    (record,) = History(path).records()
    assert {"entry": "begin", **record.as_json()} == BEGIN | {
        "ended": "",
        "outcome": "",
        "error": "",
        "steps": (),
    }


def test_a_history_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match=r"cannot write the history .*: No such file"):
        begun(History(tmp_path / "none" / "history"))


def test_a_history_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match=r"cannot read the history .*: Is a directory"):
        History(tmp_path).records()


def test_a_disk_that_fills_up_is_not_taken_for_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(tmp_path / "history")
    record = begun(history)
    write, full = os.write, iter([False, True])

    def some(handle: int, data: bytes) -> int:
        if next(full):
            raise OSError(28, "No space left on device")
        return write(handle, data[:10])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", some)
        with pytest.raises(PreconditionError, match="No space left on device") as caught:
            history.end(record, "deployed")
    assert "free space" in caught.value.hint
    assert journal.cut_off(history.records()) is not None
    history.end(record, "failed")
    assert history.records()[0].outcome == "failed"


def test_a_write_in_pieces_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(tmp_path / "history")
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:7]))
    record = begun(history)
    history.end(record, "deployed")
    assert history.records()[0].outcome == "deployed"


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


def test_the_lock_is_free_again_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(RuntimeError), journal.lock(path, "one"):
        raise RuntimeError
    with journal.lock(path, "two"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text())["reason"] == "two"


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with journal.lock(path, "one"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with journal.lock(path, "two"):
            assert child.poll() is None
    finally:
        child.communicate(b"\n")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "5", '{"reason": "x"}'])
def test_a_holder_that_has_not_said_who_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lock"
    with journal.lock(path, "one"):
        path.write_text(text)
        with pytest.raises(LockHeld, match="its holder has only just begun") as caught:
            journal.lock(path, "two").__enter__()
    assert caught.value.state == "this command changed nothing"
    assert caught.value.hint


@pytest.mark.parametrize("place", [".", "none/lock"])
def test_a_lock_that_cannot_be_opened(tmp_path: Path, place: str) -> None:
    with pytest.raises(PreconditionError, match="cannot use the lock"):
        journal.lock(tmp_path / place, "one").__enter__()


def test_the_user_behind_sudo_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    assert begun(History(tmp_path / "history")).user == "alice"
