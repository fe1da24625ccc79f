"""The history in segments: what is sealed stays provable, and looking costs what is new."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphops.adapters.store import segments
from morphops.adapters.store.history_file import HistoryReader, HistoryWriter
from morphops.core import chain
from morphops.core.history import checkpoint, heads, operations
from morphops.core.history.heads import Head
from morphops.core.history.operations import Kind, Outcome, Past
from morphops.errors import IntegrityError, LockLost, PreconditionError
from tests.fakes import Remembering

ENOUGH = 4_000  # bytes of a segment
DEPLOY: tuple[Kind, Outcome] = ("deploy", "deployed")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment is sealed after a few operations."""
    monkeypatch.setattr(segments, "ENOUGH", ENOUGH)


def work(path: Path, witness: Remembering, count: int = 1, *done: tuple[Kind, Outcome]) -> None:
    """Operations, each of a command of its own."""
    for number in range(count):
        for kind, outcome in done or (DEPLOY,):
            history = HistoryWriter(path, witness)
            release = f"sha256:{number % 7:064x}" if kind in operations.TOUCHING else ""
            subject = "x" if kind in ("approve", "revoke") else ""
            record = history.begin(
                kind, release=release, deployment=number + 1, subject=subject, reason="why"
            )
            history.step(record, "start")
            history.result(record, "ok", 0.1)
            history.end(record, outcome)


@pytest.fixture
def witness() -> Remembering:
    return Remembering()


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Head]]:
    """Twelve operations in several segments, and the heads that were told; made once."""
    folder, told = tmp_path_factory.mktemp("twelve"), Remembering()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "ENOUGH", ENOUGH)
        work(folder / "history.jsonl", told, 12)
    return folder, told.heads


@pytest.fixture
def path(tmp_path: Path, witness: Remembering, twelve: tuple[Path, list[Head]]) -> Path:
    """A history of twelve operations in several segments."""
    folder, told = twelve
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    witness.heads.extend(told)
    return tmp_path / "history.jsonl"


def sealed(path: Path) -> list[Path]:
    return sorted(path.with_suffix("").glob("*.jsonl"))


def test_a_long_history_lies_in_segments(path: Path, witness: Remembering) -> None:
    history = HistoryReader(path)
    assert len(sealed(path)) >= 3
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in sealed(path))
    entries = history.entries()
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert tuple(history.entries_back()) == entries[::-1]
    assert [record.id for record in history.records()] == list(range(1, 13))
    assert history.mismatch(witness.heads[-1]) == ""
    proof = history.prove(entries[0]["hash"][:12])
    assert (proof.entries, proof.operations) == (len(entries), 12)
    assert (proof.head, proof.noted) == (entries[-1]["hash"], (entries[0]["hash"],))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 12, 100])
def test_the_last_operations_are_read_from_the_end(path: Path, limit: int) -> None:
    history = HistoryReader(path)
    assert history.last_records(limit) == history.records()[-limit:]


def test_what_counts_is_in_the_open_segment(
    path: Path, witness: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is sealed: no other file is opened, and no more entries are read."""
    work(path, witness, 40)
    opened: list[str] = []
    real = os.open

    def spy(name: Any, *args: Any, **more: Any) -> int:
        opened.append(str(name))
        return real(name, *args, **more)

    monkeypatch.setattr(os, "open", spy)
    shutil.move(path.with_suffix(""), path.with_name("elsewhere"))
    history = HistoryReader(path)
    assert operations.next_id(history.past()) == 53
    assert history.mismatch(witness.heads[-1]) == ""
    assert set(opened) == {str(path)}
    assert path.stat().st_size < 2 * 4_000 + 60 * 1_000, "the open segment and its checkpoint"


def test_nothing_is_read_twice(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = HistoryReader(path)
    read: list[int] = []
    real = os.pread

    def spy(handle: int, size: int, offset: int) -> bytes:
        data = real(handle, size, offset)
        read.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", spy)
    history.past()
    assert sum(read) == path.stat().st_size
    read.clear()
    history.past()
    history.open_entries()
    assert read == []
    before = path.stat().st_size
    monkeypatch.setattr(segments, "ENOUGH", 1 << 20)
    other = HistoryWriter(path, Remembering())
    record = other.begin("approve", subject="y", reason="why")
    read.clear()
    assert history.past().records[-1].id == record.id
    assert sum(read) == path.stat().st_size - before


@pytest.mark.parametrize("file", range(3))
@pytest.mark.parametrize("how", ["edited", "dropped", "cut", "gone"])
def test_what_was_done_to_a_sealed_segment_is_found(path: Path, file: int, how: str) -> None:
    victim = sealed(path)[file]
    lines = victim.read_bytes().splitlines(keepends=True)
    match how:
        case "edited":
            lines[1] = lines[1].replace(b'"id":', b'"id":1')
        case "dropped":
            del lines[1]
        case "cut":
            lines.pop()
    victim.unlink() if how == "gone" else victim.write_bytes(b"".join(lines))
    history = HistoryReader(path)
    for read in (history.prove, history.records, history.entries):
        with pytest.raises(IntegrityError, match=r"history/\d+\.jsonl:\d+|history\.jsonl:1"):
            read()
    with pytest.raises(IntegrityError):
        list(history.entries_back())
    history.past()  # no small command depends on it


def forge(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a checkpoint, and every hash after it, so that the chain holds."""
    entries = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(entries[0])
    after = (entries[0]["seq"] - 1, entries[0]["prev"])
    out = b""
    for entry in entries:
        said = {k: v for k, v in entry.items() if k not in ("seq", "prev", "hash")}
        linked = chain.link(said, after)
        after = chain.place(linked)
        out += chain.line(linked)
    path.write_bytes(out)


def approve(entry: dict[str, Any]) -> None:
    entry["standing"]["approvals"] = [entry["standing"]["stack"][-1] | {"subject": "root"}]


def test_a_forged_checkpoint_is_not_the_engine_s(path: Path, witness: Remembering) -> None:
    forge(path, approve)
    history = HistoryReader(path)
    assert "root" in operations.approved(history.past(), "")
    assert "is not the one that the engine was told of" in history.mismatch(witness.heads[-1])
    with pytest.raises(IntegrityError, match=r"history\.jsonl:1: is not an entry of the history"):
        history.prove()


def test_a_checkpoint_that_the_engine_was_not_told_of_is_proved(
    path: Path, witness: Remembering
) -> None:
    """A crash between the two leaves one; somebody may have put another one in its place."""
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    first = json.loads(path.read_bytes())
    told = next(head for head in witness.heads if head.seq == first["seq"] - 1)
    assert HistoryReader(path).mismatch(told) == ""
    assert heads.of([first]).seq == first["seq"]
    forge(path, approve)
    assert heads.mismatch(HistoryReader(path).open_entries(), told) == ""
    with pytest.raises(IntegrityError, match="does not follow from"):
        HistoryReader(path).mismatch(told)


def test_an_engine_that_knows_less_than_the_checkpoint_knows_another_history(
    path: Path, witness: Remembering
) -> None:
    first = json.loads(path.read_bytes().splitlines()[0])
    old = [head for head in witness.heads if head.seq < first["seq"] - 1]
    assert all("never of the" in HistoryReader(path).mismatch(head) for head in old)
    assert "knows of no history" in HistoryReader(path).mismatch(None)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.pop("standing"),
        lambda entry: entry.pop("first"),
        lambda entry: entry.update(first=0),
        lambda entry: entry.update(first="x"),
        lambda entry: entry.update(id=3),
        lambda entry: entry["standing"].update(more=1),
        lambda entry: entry["standing"].update(stack=[{}]),
        lambda entry: entry["standing"].update(stack=None),
    ],
)
def test_a_checkpoint_that_is_none(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    forge(path, change)
    for read in (HistoryReader(path).past, lambda: list(HistoryReader(path).entries_back())):
        with pytest.raises(IntegrityError, match=r"\.jsonl:1: is not an entry of the history"):
            read()


def test_an_open_segment_that_is_gone_is_missed(path: Path) -> None:
    path.unlink()
    with pytest.raises(IntegrityError, match=r"history\.jsonl:1: is missing"):
        HistoryReader(path).past()
    aside = HistoryReader(path).set_aside("broken")
    assert [file.name for file in aside] == ["history.broken"]
    assert HistoryReader(path).past() == Past()


def test_a_checkpoint_stands_nowhere_else(path: Path) -> None:
    entries = HistoryReader(path).open_entries()
    said = {k: v for k, v in entries[0].items() if k not in ("seq", "prev", "hash")}
    linked = chain.link(said, chain.place(entries[-1]))
    path.write_bytes(path.read_bytes() + chain.line(linked))
    with pytest.raises(IntegrityError, match="is not an entry of the history"):
        HistoryReader(path).past()


def test_nothing_is_sealed_while_an_operation_is_incomplete(tmp_path: Path) -> None:
    path, witness = tmp_path / "history.jsonl", Remembering()
    history = HistoryWriter(path, witness)
    record = history.begin("deploy", release="sha256:a", reason="why")
    for number in range(20):
        history.step(record, f"step {number}")
    work(path, witness, 1, ("break", "broken"))
    assert not sealed(path)
    HistoryWriter(path, witness).end(record, "failed")
    work(path, witness)
    assert len(sealed(path)) == 1
    assert len(HistoryReader(path).records()) == 3


def test_a_full_disk_keeps_no_operation_from_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, witness = tmp_path / "history.jsonl", Remembering()
    work(path, witness, 2)

    def full(*_: object) -> None:
        raise PreconditionError("no space left on device")

    monkeypatch.setattr("morphops.adapters.store.hash_chain.write_whole", full)
    work(path, witness, 3)
    assert not sealed(path)
    monkeypatch.undo()
    work(path, witness)
    assert len(HistoryReader(path).records()) == 6


def test_who_was_stopped_does_not_write_behind_a_seal(path: Path, witness: Remembering) -> None:
    """Its file is another one by now; what it would write into the old one would be lost."""
    late = HistoryWriter(path, witness)
    record = late.begin("approve", subject="x", reason="why")
    work(path, witness, 5)
    before = path.read_bytes()
    with pytest.raises(LockLost):
        late.end(record, "recorded")
    assert path.read_bytes() == before


def test_a_segment_of_another_history_is_kept(tmp_path: Path, witness: Remembering) -> None:
    """So it is where an old file was put back beside newer segments."""
    path = tmp_path / "history.jsonl"
    work(path, witness, 1)
    old = path.read_bytes()
    work(path, witness, 4)
    newer = sealed(path)[0].read_bytes()
    path.write_bytes(old)
    work(path, Remembering(), 5, ("deploy", "failed"))
    assert len(HistoryReader(path).records()) == 6
    (other,) = path.with_suffix("").glob("*.other-*")
    assert other.read_bytes() == newer


class Killed(BaseException):
    """The process is gone."""


CALLS = ("open", "write", "fsync", "replace", "rename", "mkdir", "ftruncate")


def test_a_kill_at_any_moment_leaves_a_whole_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after each call that changes a file: what was written is there, and goes on."""
    told = Remembering()
    start = tmp_path / "start" / "history.jsonl"
    start.parent.mkdir()
    work(start, told, 3)
    written = HistoryReader(start).entries()
    for number in range(1, 1000):
        path = tmp_path / str(number) / "history.jsonl"
        shutil.copytree(start.parent, path.parent)
        witness = Remembering(list(told.heads))
        if not killed(path, witness, number):
            assert number > 20, "there are more calls than that"
            return
        history = HistoryReader(path)
        entries = history.entries()
        assert entries[: len(written)] == written
        assert history.mismatch(witness.heads[-1]) == ""
        history.prove()
        past, whole = history.past(), history.records()
        assert operations.release_of_record(past) == operations.release_of_record(whole)
        left = operations.incomplete_operation(past)
        if left is not None:
            HistoryWriter(path, witness).end(left, "refused")
        work(path, witness, 3)
        assert HistoryReader(path).prove().operations == len(whole) + 3
        assert len(sealed(path)) >= 1


def killed(path: Path, witness: Remembering, number: int) -> bool:
    """Whether a deploy was killed at the call of this number."""
    count = 0

    def point() -> None:
        nonlocal count
        count += 1
        if count >= number:
            raise Killed

    def around(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **options: Any) -> Any:
            point()
            result = call(*args, **options)
            if call is not real_open:  # a handle would be left
                point()
            return result

        return called

    real_open = os.open
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, around(getattr(os, name)))
        try:
            work(path, witness)
        except Killed:
            return True
    return False


KINDS: tuple[tuple[Kind, Outcome], ...] = (
    ("deploy", "deployed"),
    ("deploy", "failed"),
    ("deploy", "refused"),
    ("deploy", "rolled back"),
    ("rollback", "deployed"),
    ("up", "deployed"),
    ("down", "stopped"),
    ("adopt", "deployed"),
    ("approve", "recorded"),
    ("revoke", "recorded"),
    ("prune", "pruned"),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.sampled_from("abc"), st.sampled_from("xy")),
        max_size=30,
    ),
    st.sets(st.integers(0, 30)),
)
def test_what_follows_from_a_checkpoint_follows_from_the_whole(
    done: list[tuple[tuple[Kind, Outcome], str, str]], seals: set[int]
) -> None:
    whole = tuple(
        operations.Record(
            id=number,
            kind=kind,
            release=release if kind in operations.TOUCHING or kind == "adopt" else "",
            deployment=number if kind in operations.TOUCHING else 0,
            subject=subject,
            fingerprint="",
            reason="",
            user="",
            host="",
            began="",
            ended="t",
            outcome=outcome,
        )
        for number, ((kind, outcome), release, subject) in enumerate(done, start=1)
    )
    past = Past()
    for record in whole:
        past = dataclasses.replace(past, records=(*past.records, record))
        if record.id in seals:
            entry = checkpoint.make(past, 1, "t") | {"seq": 9}
            said = json.loads(json.dumps(entry))
            assert checkpoint.standing(said) == checkpoint.stands(past)
            past = Past((), checkpoint.standing(said))
    assert checkpoint.stands(past) == checkpoint.stands(Past(whole))
    for question in (
        operations.next_id,
        operations.deployment_stack,
        operations.deployment_of_record,
        operations.previous_deployment,
        operations.rollback_target,
        operations.abandoned_deploy,
        operations.given_approvals,
        operations.is_down,
        operations.stop_of_record,
        operations.last_begun,
        operations.incomplete_operation,
    ):
        assert question(past) == question(whole)


@settings(max_examples=15)  # each writes files, and syncs them
@given(st.lists(st.sampled_from(KINDS), min_size=4, max_size=12))
def test_whatever_is_written_is_proved(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[Kind, Outcome]]
) -> None:
    path, witness = tmp_path_factory.mktemp("h") / "history.jsonl", Remembering()
    work(path, witness, 1, *done)
    history = HistoryReader(path)
    assert history.prove().operations == len(done)
    assert history.mismatch(witness.heads[-1]) == ""
    assert checkpoint.stands(history.past()) == checkpoint.stands(Past(history.records()))


def test_a_stale_head_is_reported(path: Path, witness: Remembering) -> None:
    """What an engine was told of last stays the measure, whatever was sealed since."""
    backup = path.with_name("backup")
    shutil.copytree(path.parent, backup)
    work(path, witness, 6)
    old = HistoryReader(backup / path.name)
    assert "its end was removed" in old.mismatch(witness.heads[-1])
