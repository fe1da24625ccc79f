"""What was done, what runs by right, where a rollback goes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.actor import user
from morphops.adapters.store.hash_chain import HashChain
from morphops.adapters.store.history_file import HistoryReader, HistoryWriter
from morphops.core.history import operations
from morphops.core.history.heads import Head
from morphops.core.history.operations import Record, StepRecord
from morphops.errors import IntegrityError, LockLost, PreconditionError
from tests.fakes import Remembering
from tests.samples.history import A, B, Told, records

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
        ((A, ("deploy", "B", "refused")), "A", ""),
        # What failed and was left may run: away from that, to what runs by right.
        ((A, ("deploy", "B", "failed"), ("deploy", "C", "refused")), "A", "A"),
        ((A, B, ("deploy", "C", "failed")), "AB", "B"),
        ((("deploy", "A", "failed"),), "", ""),
        ((A, B, ("deploy", "C", "failed"), BACK_B), "AB", "A"),
        ((A, B, ("deploy", "C", "failed"), ("rollback", "B", "failed")), "AB", "B"),
        ((A, B, ("deploy", "C", "failed"), ("up", "B", "failed")), "AB", "B"),
        ((A, B, ("deploy", "C", "failed"), ("down", "", "failed")), "AB", "B"),
        ((A, B, ("deploy", "C", "failed"), ("adopt", "", "adopted")), "AB", "B"),
        ((A, B, ("deploy", "C", "failed"), ("up", "B", "deployed")), "AB", "A"),
        ((A, B, ("deploy", "C", "failed"), ("down", "", "stopped")), "AB", "A"),
        ((A, B, ("deploy", "C", "failed"), ("deploy", "C", "rolled back")), "AB", "A"),
        ((A, B, ("deploy", "C", "failed"), C), "ABC", "B"),
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
        # With the values of now it takes the place of what it goes back to.
        ((A, B, ("rollback", "A2", "deployed")), "A", ""),
        ((A, B, C, ("rollback", "B2", "deployed")), "AB", "A"),
        ((A, B, C, ("rollback", "B2", "deployed"), BACK_A), "A", ""),
        ((A, B, ("rollback", "C2", "deployed")), "ABC", "B"),
        ((("adopt", "A", "deployed"), B), "AB", "A"),
        ((A, B, ("adopt", "", "adopted")), "AB", "A"),
        ((A, B, ("break", "", "broken"), ("prune", "", "pruned")), "AB", "A"),
    ],
)
def test_the_healthy_stack_and_the_way_back(told: tuple[Told, ...], stack: str, back: str) -> None:
    done = records(*told)
    assert "".join(record.release for record in operations.deployment_stack(done)) == stack
    target = operations.rollback_target(done)
    assert (target.release if target else "") == back
    record = operations.deployment_of_record(done)
    assert (record.release if record else "") == stack[-1:]


def test_rollback_to_a_release_takes_its_last_healthy_deployment() -> None:
    done = records(A, ("deploy", "A2", "deployed"), B, ("deploy", "C", "rolled back"))
    found = operations.last_healthy_of(done, "A")
    assert found is not None
    assert found.deployment == 2
    assert operations.last_healthy_of(done, "C") is None
    assert operations.last_healthy_of(done, "unheard-of") is None


def test_rollback_goes_to_values_as_well_as_to_a_release() -> None:
    done = records(A, ("deploy", "A2", "deployed"), ("deploy", "A3", "failed"))
    target = operations.rollback_target(done)
    assert target is not None
    assert (target.deployment, target.fingerprint) == (2, "2")
    target = operations.previous_deployment(done)
    assert target is not None
    assert (target.deployment, target.fingerprint) == (1, "")
    again = records(A, B, ("up", "B", "deployed"), A, BACK_B)
    target = operations.rollback_target(again)
    assert target is not None
    assert target.deployment == 1


def test_what_was_cut_off_is_the_last_operation_only() -> None:
    assert operations.incomplete_operation(()) is None
    assert operations.incomplete_operation(records(A, B)) is None
    cut = records(A, ("deploy", "B", ""))
    assert operations.incomplete_operation(cut) == cut[-1]
    assert operations.incomplete_operation(records(("deploy", "B", ""), A)) is None


def test_what_was_cut_off_before_a_history_was_adopted_is_settled() -> None:
    cut: Told = ("deploy", "B", "")
    assert operations.incomplete_operation(records(A, cut, ("adopt", "", "adopted"))) is None
    assert operations.incomplete_operation(records(A, cut, ("adopt", "", ""))) is not None
    assert operations.incomplete_operation(records(A, cut, ("break", "", "broken"))) is not None
    assert operations.incomplete_operation(records(("adopt", "B", "deployed"), cut)) is not None


def test_down_is_known_until_something_runs_again() -> None:
    down: Told = ("down", "", "stopped")
    assert operations.is_down(records(A, down))
    assert not operations.is_down(records(A, down, ("up", "A", "deployed")))
    assert not operations.is_down(records(A))
    assert not operations.is_down(())
    assert not operations.is_down(records(A, ("down", "", "failed")))
    assert operations.is_down(records(A, down, ("up", "A", "failed")))


def writing(path: Path) -> HistoryWriter:
    return HistoryWriter(path, Remembering())


def begun(history: HistoryWriter, release: str = "A") -> Record:
    return history.begin("deploy", release=release, deployment=1, reason="why")


def test_operations_are_put_together_from_their_entries(tmp_path: Path) -> None:
    history = writing(tmp_path / "history")
    assert history.records() == ()
    assert history.next_id() == 1
    one = begun(history)
    history.step(one, "pull", touches=False)
    history.result(one, "ok", 1.23456)
    assert not history.records()[0].touched
    history.step(one, "start wave 1")
    assert operations.incomplete_operation(history.records()) == history.records()[0]
    assert history.next_id() == 2
    history.end(one, "rolled back", "unhealthy: é\n second line")
    two = begun(history, "B")
    history.end(two, "deployed")
    first, second = history.records()
    assert first.steps == (
        StepRecord("pull", first.steps[0].at, touches=False, result="ok", took=1.235),
        StepRecord("start wave 1", first.steps[1].at),
    )
    assert first.touched
    assert first.outcome == "rolled back"
    assert (first.reason, first.error) == ("why", "unhealthy: é\n second line")
    assert first.began <= first.ended
    assert (second.id, second.release, second.steps) == (2, "B", ())
    assert second.outcome == "deployed"
    assert operations.incomplete_operation(history.records()) is None
    assert len((tmp_path / "history").read_bytes().splitlines()) == 7
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
    history = writing(path)
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
    history = writing(path)
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
    assert HistoryReader(path).records() == ()
    begun(writing(path))
    assert [record.id for record in HistoryReader(path).records()] == [1]


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


END: dict[str, Any] = {"entry": "end", "id": 1, "ended": "t", "outcome": "deployed", "error": ""}


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"entry": "step", "id": 2, "step": "of nothing"},
        {"entry": "end", "id": 2, "outcome": "deployed"},
        {"entry": "step", "id": 1},
        {"entry": "begin", "id": 2},
        {"entry": "end", "id": 1, "unheard_of": 1},
        {"entry": "resume", "id": 1},
        {"entry": "pause", "id": 1},
        {"entry": "result", "id": 1, "result": "ok", "took": 1, "at": "t"},
        # One line must not say what takes two: that something was begun, and how it came out.
        BEGIN | {"id": 2, "kind": "approve", "subject": "never-loose", "outcome": "recorded"},
        BEGIN | {"id": 2, "ended": "t"},
        BEGIN | {"id": 2, "error": "x"},
        BEGIN | {"id": 2, "steps": []},
        BEGIN | {"id": 2, "resumed": ["resume"]},
        BEGIN | {"id": 2, "kind": "bless"},
        BEGIN | {"id": "2"},
        BEGIN,  # once more
        END | {"kind": "approve"},
        END | {"subject": "never-loose"},
        END | {"outcome": "blessed"},
        END | {"outcome": ""},
        {"entry": "end", "id": 1},
    ],
)
def test_a_line_that_is_no_entry_is_refused(tmp_path: Path, broken: dict[str, Any]) -> None:
    path = tmp_path / "history"
    chain = HashChain(path)
    chain.append(BEGIN)
    chain.append(broken)
    text = path.read_text()
    with pytest.raises(PreconditionError) as caught:
        HistoryReader(path).records()
    assert caught.value.what == f"{path}:2: is not an entry of the history"
    assert "backup" in caught.value.hint
    assert path.read_text() == text


@pytest.mark.parametrize(
    "late",
    [
        {"entry": "step", "id": 1, "at": "t", "step": "start wave 1"},
        {"entry": "result", "id": 1, "at": "t", "result": "ok", "took": 1},
        {"entry": "resume", "id": 1, "at": "t", "how": "resume", "user": "u", "host": "h"},
        END | {"outcome": "rolled back"},
    ],
)
def test_nothing_comes_after_the_end_of_an_operation(tmp_path: Path, late: dict[str, Any]) -> None:
    chain = HashChain(tmp_path / "history")
    step = {"entry": "step", "id": 1, "at": "t", "step": "pull"}
    for entry in (BEGIN, step, END, late):
        chain.append(entry)
    with pytest.raises(IntegrityError, match="history:4: is not an entry of the history"):
        HistoryReader(chain.path).records()


def test_a_line_that_was_edited_is_named(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = writing(path)
    history.end(begun(history), "failed")
    path.write_text(path.read_text().replace('"outcome":"failed"', '"outcome":"deployed"'))
    with pytest.raises(IntegrityError, match=r"history:2: was changed after it was written"):
        history.records()
    with pytest.raises(IntegrityError):
        begun(history)


def test_an_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history"
    HashChain(path).append(BEGIN)
    (record,) = HistoryReader(path).records()
    assert {"entry": "begin", **asdict(record)} == BEGIN | {
        "ended": "",
        "outcome": "",
        "error": "",
        "plan": "",
        "subject": "",
        "seed": "",
        "until": "",
        "lock": "",
        "variables": (),
        "steps": (),
        "resumed": (),
    }


def test_what_was_cut_off_is_taken_up_again(tmp_path: Path) -> None:
    history = writing(tmp_path / "history")
    record = begun(history)
    history.step(record, "pull")
    history.resume(record, "abort")
    assert operations.incomplete_operation(history.records()) is not None
    history.end(record, "rolled back")
    (record,) = history.records()
    assert (record.outcome, [done.step for done in record.steps]) == ("rolled back", ["pull"])
    assert record.resumed[0].startswith(f"abort by {user()} on ")


def test_a_history_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match=r"cannot .* beside .*history: No such file"):
        begun(writing(tmp_path / "none" / "history"))


def test_a_history_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match=r"cannot read .*: Is a directory"):
        HistoryReader(tmp_path).records()


def test_a_disk_that_fills_up_is_not_taken_for_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = writing(tmp_path / "history")
    record = begun(history)
    (tmp_path / "history.spare").unlink()  # no room was set aside
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
    assert operations.incomplete_operation(history.records()) is not None
    history.end(record, "failed")
    assert history.records()[0].outcome == "failed"


def test_room_was_set_aside_for_a_disk_that_fills_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun is recorded to its end, and then nothing new begins."""
    history = writing(tmp_path / "history")
    record = begun(history)
    spare = tmp_path / "history.spare"
    assert spare.stat().st_size == 64 * 1024
    write = os.write

    def full_until_there_is_room(handle: int, data: bytes) -> int:
        if spare.stat().st_size == 64 * 1024:
            write(handle, data[:10])
            raise OSError(28, "No space left on device")
        return write(handle, data)

    def full(handle: int, offset: int, length: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full_until_there_is_room)
    monkeypatch.setattr(os, "posix_fallocate", full)
    history.step(record, "start wave 1")
    history.end(record, "rolled back")
    # A page was given, and no more: an evidence that is written meanwhile must not get the rest.
    assert spare.stat().st_size == 60 * 1024
    (ended,) = history.records()
    assert ([done.step for done in ended.steps], ended.outcome) == (["start wave 1"], "rolled back")
    with pytest.raises(PreconditionError, match="cannot reserve 64 KiB") as caught:
        begun(history)
    assert caught.value.state == "nothing was changed"
    assert history.records() == (ended,)
    assert not spare.exists()


def test_the_witness_is_told_before_each_step_and_at_the_end(tmp_path: Path) -> None:
    witness = Remembering()
    history = HistoryWriter(tmp_path / "history", witness)
    first = begun(history)
    history.end(first, "deployed")
    record = begun(history, "B")
    history.step(record, "pull")
    history.result(record, "ok", 0)
    history.end(record, "deployed")
    entries = history.entries()
    told = [(h.seq, h.release, h.operation, h.step) for h in witness.heads]
    assert told == [
        (1, "", 1, "its first step"),
        (2, "A", 0, ""),
        (3, "A", 2, "its first step"),
        (4, "A", 2, "pull"),
        (6, "B", 0, ""),
    ]
    assert all(entries[h.seq - 1]["hash"] == h.hash for h in witness.heads)


def test_who_lost_the_lock_writes_nothing(tmp_path: Path) -> None:
    witness = Remembering()
    history = HistoryWriter(tmp_path / "history", witness)
    record = begun(history)
    before = history.path.read_bytes()
    witness.refuse = LockLost("gone")
    for write in (
        lambda: history.step(record, "pull"),
        lambda: history.resume(record, "abort"),
        lambda: history.end(record, "failed"),
        lambda: begun(history),
    ):
        with pytest.raises(LockLost):
            write()
    assert history.path.read_bytes() == before


def test_who_lost_the_lock_while_it_announced_a_step_does_not_do_it(tmp_path: Path) -> None:
    """Stopped while the disk was synced, or the engine told: it is asked again before it acts."""

    class Stopped(Remembering):
        def report_head(self, head: Head) -> None:
            super().report_head(head)
            self.refuse = LockLost("gone")

    history = writing(tmp_path / "history")
    record = begun(history)
    late = HistoryWriter(tmp_path / "history", Stopped())
    with pytest.raises(LockLost):
        late.step(record, "start wave 1")
    late = HistoryWriter(tmp_path / "history", Stopped())
    with pytest.raises(LockLost):
        late.resume(record, "abort")
    late = HistoryWriter(tmp_path / "other", Stopped())
    with pytest.raises(LockLost):
        begun(late)


def test_who_lost_the_lock_writes_nothing_behind_the_one_that_took_it(tmp_path: Path) -> None:
    """Not even where the lock was asked before, or is not: a result."""
    history = writing(tmp_path / "history")
    record = begun(history)
    history.step(record, "start wave 1")
    other = writing(history.path)
    other.end(other.begin("break", subject="it", reason="hangs"), "broken")
    before = history.path.read_bytes()
    late: tuple[Callable[[], None], ...] = (
        lambda: history.result(record, "ok", 1),
        lambda: history.step(record, "start wave 2"),
        lambda: history.end(record, "deployed"),
    )
    for write in late:
        with pytest.raises(LockLost, match="another process has written") as caught:
            write()
        assert "inv abort" in caught.value.hint
    history.records()  # to look at what is there now makes it no more ours
    with pytest.raises(LockLost):
        history.result(record, "ok", 1)
    assert history.path.read_bytes() == before


def test_a_write_in_pieces_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = writing(tmp_path / "history")
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:7]))
    record = begun(history)
    history.end(record, "deployed")
    assert history.records()[0].outcome == "deployed"


def test_what_was_typed_in_another_encoding_is_kept_as_far_as_it_can_be(tmp_path: Path) -> None:
    """Python hands bytes of the command line that are no UTF-8 on as surrogates."""
    history = writing(tmp_path / "history")
    record = history.begin("approve", subject="caf\udce9", reason="d\udce9j\xe0 vu")
    history.end(record, "failed", "no such file: \udcff")
    (ended,) = history.records()
    assert (ended.subject, ended.reason, ended.error) == ("caf?", "d?j\xe0 vu", "no such file: ?")


def test_the_user_behind_sudo_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    assert begun(writing(tmp_path / "history")).user == "alice"
