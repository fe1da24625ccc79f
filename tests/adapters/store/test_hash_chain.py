"""The chain: whatever is done to its lines is found, and named."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.adapters.store.hash_chain import HashChain
from morphops.core.chain import START
from morphops.core.release.digest import canonical_json
from morphops.errors import IntegrityError, LockLost, PreconditionError


@pytest.fixture
def chain(tmp_path: Path) -> HashChain:
    chain = HashChain(tmp_path / "c.jsonl")
    for number in range(1, 5):
        chain.append({"entry": "x", "n": number})
    return chain


def refused(chain: HashChain) -> str:
    chain = HashChain(chain.path)  # as the next command sees it
    with pytest.raises(IntegrityError) as caught:
        chain.entries()
    with pytest.raises(IntegrityError):
        chain.append({"entry": "y"})
    return caught.value.what.rpartition("/")[2]


def test_what_is_written_is_read(chain: HashChain) -> None:
    entries = chain.entries()
    assert [e["n"] for e in entries] == [1, 2, 3, 4]
    assert entries[0]["prev"] == START
    assert all(b["prev"] == a["hash"] for a, b in pairwise(entries))
    assert chain.path.stat().st_mode & 0o777 == 0o600
    assert HashChain(chain.path.with_name("none")).entries() == ()


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ((1, 2, 3), "c.jsonl:1: is not the line that followed"),
        ((0, 2, 3), "c.jsonl:2: is not the line that followed"),
        ((0, 2, 1, 3), "c.jsonl:2: is not the line that followed"),
        ((0, 1, 1, 2, 3), "c.jsonl:3: is not the line that followed"),
        ((3, 2, 1, 0), "c.jsonl:1: is not the line that followed"),
    ],
)
def test_lines_that_were_moved(chain: HashChain, order: tuple[int, ...], says: str) -> None:
    lines = chain.path.read_bytes().splitlines(keepends=True)
    chain.path.write_bytes(b"".join(lines[place] for place in order))
    assert refused(chain).startswith(says)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_line_that_was_edited(chain: HashChain, place: int) -> None:
    lines = chain.path.read_bytes().splitlines(keepends=True)
    lines[place] = lines[place].replace(b'"n":', b'"n":1')
    chain.path.write_bytes(b"".join(lines))
    assert refused(chain) == f"c.jsonl:{place + 1}: was changed after it was written"


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"{}", b"{", b'"x"', b'{"hash": 1}'])
def test_a_line_that_is_no_entry(chain: HashChain, line: bytes) -> None:
    chain.path.write_bytes(chain.path.read_bytes() + line + b"\n")
    assert refused(chain) == "c.jsonl:5: was changed after it was written"


def test_a_key_that_was_put_in_twice(chain: HashChain) -> None:
    """The last one counts for a parser, so the hash is right; who reads the file sees the first."""
    chain.append({"reason": "a drill"})
    data = chain.path.read_bytes()
    true = b'"reason":"a drill"'
    chain.path.write_bytes(data.replace(true, b'"reason":"approved by the CEO",' + true))
    assert refused(chain) == "c.jsonl:5: was changed after it was written"


@pytest.mark.parametrize("change", [(b'"n":3', b'"n": 3'), (b'"n":3', b'"n":3.0'), (b"}", b"}\r")])
def test_another_form_of_the_same_line(chain: HashChain, change: tuple[bytes, bytes]) -> None:
    lines = chain.path.read_bytes().split(b"\n")
    lines[2] = lines[2].replace(*change)
    chain.path.write_bytes(b"\n".join(lines))
    assert refused(chain) == "c.jsonl:3: was changed after it was written"


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000])
def test_a_line_that_no_parser_can_take(chain: HashChain, line: bytes) -> None:
    chain.path.write_bytes(chain.path.read_bytes() + line + b"\n")
    assert refused(chain) == "c.jsonl:5: was changed after it was written"


@pytest.mark.parametrize("torn", [(0, 30), (20, 40), (3, 200), (0, 1)])
def test_a_last_line_with_lost_pages_was_torn(chain: HashChain, torn: tuple[int, int]) -> None:
    """A power cut may keep the page with its end and not the ones before: they read as zeros."""
    whole = chain.path.read_bytes()
    chain.append({"n": 5, "text": "x" * 150})
    line = bytearray(chain.path.read_bytes()[len(whole) : -1])
    first, after = torn
    line[first:after] = bytes(min(after, len(line)) - first)
    chain.path.write_bytes(whole + bytes(line) + b"\n")
    other = HashChain(chain.path)  # as the next command sees it
    assert [e["n"] for e in other.entries()] == [1, 2, 3, 4]
    other.append({"n": 6})
    assert [e["n"] for e in HashChain(chain.path).entries()] == [1, 2, 3, 4, 6]
    assert chain.path.read_bytes().startswith(whole + b"{")


def test_zeros_elsewhere_are_no_torn_end(chain: HashChain) -> None:
    lines = chain.path.read_bytes().split(b"\n")
    lines[1] = bytes(len(lines[1]))
    chain.path.write_bytes(b"\n".join(lines))
    assert refused(chain) == "c.jsonl:2: was changed after it was written"


def test_an_entry_may_be_bound_to_the_one_that_it_follows(chain: HashChain) -> None:
    """Who was stopped before it could write does not write behind somebody who came after it."""
    chain.entries()
    found = chain.end
    HashChain(chain.path).append({"n": "somebody else's"})
    written = chain.path.read_bytes()
    with pytest.raises(LockLost, match=r"another process has written to .*c\.jsonl since"):
        chain.append({"n": "late"}, after=found)
    assert chain.path.read_bytes() == written
    chain.append({"n": "in time"}, after=(5, chain.entries()[-1]["hash"]))
    chain.path.unlink()
    with pytest.raises(LockLost):
        chain.append({"n": "to nothing"}, after=found)


def test_who_writes_when_our_lock_is_let_go_is_seen(
    chain: HashChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their entry is not a part of what we have seen, and never a torn end of ours."""
    theirs, close, armed = HashChain(chain.path), os.close, [True]

    def let_go(handle: int) -> None:
        close(handle)
        if armed.pop() if armed else False:
            theirs.append({"n": "theirs"})

    end = (4, chain.entries()[-1]["hash"])
    monkeypatch.setattr(os, "close", let_go)
    chain.append({"n": "ours"}, after=end)
    with pytest.raises(LockLost):
        chain.append({"n": "late"}, after=chain.end)
    assert [entry["n"] for entry in HashChain(chain.path).entries()[4:]] == ["ours", "theirs"]


CALLS = ("open", "close", "fstat", "pread", "write", "ftruncate", "fsync")


class Meanwhile:
    """Lets something happen before and after the calls of the system with these numbers."""

    def __init__(self, numbers: Collection[int], happens: Callable[[], None]) -> None:
        self.numbers, self.happens = numbers, happens
        self.count, self.busy = 0, False

    def point(self) -> None:
        if self.busy:
            return
        self.count += 1
        if self.count in self.numbers:
            self.busy = True
            self.happens()
            self.busy = False

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **options: Any) -> Any:
            self.point()
            try:
                return call(*args, **options)
            finally:
                self.point()

        return called

    @contextmanager
    def patched(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("morphops.adapters.store.hash_chain.PATIENCE", 0)
            for name in CALLS:
                patch.setattr(os, name, self.around(getattr(os, name)))
            yield


@given(st.sets(st.integers(1, 60), max_size=3))
def test_whenever_another_writes_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, numbers: set[int]
) -> None:
    ours = HashChain(tmp_path_factory.mktemp("c") / "c.jsonl")
    theirs = HashChain(ours.path)
    ours.append({"n": "ours"})
    written = ["ours"]

    def meanwhile() -> None:
        with suppress(PreconditionError):  # we hold the lock of the file
            theirs.append({"n": "theirs"})
            written.append("theirs")

    with Meanwhile(numbers, meanwhile).patched(), suppress(LockLost):
        for _ in range(3):
            ours.append({"n": "ours"}, after=ours.end)
            written.append("ours")
    entries = [entry["n"] for entry in HashChain(ours.path).entries()]
    assert sorted(entries) == sorted(written)
    assert entries == sorted(entries), "who was overtaken writes nothing more"


def test_who_keeps_to_no_lock_is_not_cut_away(tmp_path: Path) -> None:
    """As on a network file system without locks: the chain may break, but nothing disappears."""
    theirs = HashChain(tmp_path / "theirs")
    theirs.append({"n": 1})
    theirs.append({"n": "theirs"})
    line = theirs.path.read_bytes().splitlines(keepends=True)[-1]
    for number in itertools.count(1):
        ours = HashChain(tmp_path / f"{number}.jsonl")
        ours.append({"n": 1})
        came: list[int] = []

        def meanwhile(path: Path = ours.path, came: list[int] = came) -> None:
            with path.open("ab") as file:
                came.append(file.write(line))

        with Meanwhile({number}, meanwhile).patched(), suppress(LockLost, IntegrityError):
            for _ in range(3):
                ours.append({"n": 2}, after=ours.end)
        if not came:
            assert number > 30, "there are more calls than that"
            return
        assert line in ours.path.read_bytes()


def test_a_writer_that_was_stopped_is_named_and_not_waited_for(
    chain: HashChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("morphops.adapters.store.hash_chain.PATIENCE", 0.2)
    written = chain.path.read_bytes()
    with chain.path.open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(PreconditionError) as caught:
            chain.append({"n": 5})
        assert f"process {os.getpid()} has kept it locked for 0.2 s" in caught.value.what
        assert caught.value.state == "nothing was added to it"
        assert f"kill -KILL {os.getpid()}" in caught.value.hint
        assert len(chain.entries()) == 4  # who reads waits for nobody
    assert chain.path.read_bytes() == written
    chain.append({"n": 5})


def test_a_line_with_a_hash_of_its_own_still_does_not_follow(chain: HashChain) -> None:
    lines = chain.path.read_bytes().splitlines(keepends=True)
    other = HashChain(chain.path.with_name("other"))
    for number in (1, 7):
        other.append({"entry": "x", "n": number})
    lines[1] = other.path.read_bytes().splitlines(keepends=True)[1]
    chain.path.write_bytes(b"".join(lines))
    assert refused(chain).startswith("c.jsonl:3: is not the line that followed")


@given(st.integers(min_value=1, max_value=200))
def test_a_torn_end_is_no_entry_and_is_mended(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    chain = HashChain(tmp_path_factory.mktemp("c") / "c.jsonl")
    chain.append({"n": 1})
    whole = chain.path.read_bytes()
    chain.append({"n": 2, "text": "é" * 60})
    torn = chain.path.read_bytes()[: len(whole) + cut]
    chain.path.write_bytes(torn)
    assert [e["n"] for e in chain.entries()] == [1]
    chain.append({"n": 3})
    assert [e["n"] for e in chain.entries()] == [1, 3]
    assert all(json.loads(line) for line in chain.path.read_bytes().splitlines())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="cannot write"):
        HashChain(tmp_path / "no" / "c.jsonl").append({"n": 1})


def test_the_form_of_a_line_is_canonical(chain: HashChain) -> None:
    for line in chain.path.read_bytes().splitlines():
        assert canonical_json(json.loads(line)) == line
