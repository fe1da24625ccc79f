"""The chain: whatever is done to its lines is found, and named."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.chain import START, Chain
from morphops.errors import IntegrityError, PreconditionError
from morphops.model import canonical_json


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    chain = Chain(tmp_path / "c.jsonl")
    for number in range(1, 5):
        chain.append({"entry": "x", "n": number})
    return chain


def refused(chain: Chain) -> str:
    with pytest.raises(IntegrityError) as caught:
        chain.entries()
    with pytest.raises(IntegrityError):
        chain.append({"entry": "y"})
    return caught.value.what.rpartition("/")[2]


def test_what_is_written_is_read(chain: Chain) -> None:
    entries = chain.entries()
    assert [e["n"] for e in entries] == [1, 2, 3, 4]
    assert entries[0]["prev"] == START
    assert all(b["prev"] == a["hash"] for a, b in pairwise(entries))
    assert chain.path.stat().st_mode & 0o777 == 0o600
    assert Chain(chain.path.with_name("none")).entries() == ()


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
def test_lines_that_were_moved(chain: Chain, order: tuple[int, ...], says: str) -> None:
    lines = chain.path.read_bytes().splitlines(keepends=True)
    chain.path.write_bytes(b"".join(lines[place] for place in order))
    assert refused(chain).startswith(says)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_line_that_was_edited(chain: Chain, place: int) -> None:
    lines = chain.path.read_bytes().splitlines(keepends=True)
    lines[place] = lines[place].replace(b'"n":', b'"n":1')
    chain.path.write_bytes(b"".join(lines))
    assert refused(chain) == f"c.jsonl:{place + 1}: was changed after it was written"


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"{}", b"{", b'"x"', b'{"hash": 1}'])
def test_a_line_that_is_no_entry(chain: Chain, line: bytes) -> None:
    chain.path.write_bytes(chain.path.read_bytes() + line + b"\n")
    assert refused(chain) == "c.jsonl:5: was changed after it was written"


def test_a_line_with_a_hash_of_its_own_still_does_not_follow(chain: Chain) -> None:
    lines = chain.path.read_bytes().splitlines(keepends=True)
    other = Chain(chain.path.with_name("other"))
    for number in (1, 7):
        other.append({"entry": "x", "n": number})
    lines[1] = other.path.read_bytes().splitlines(keepends=True)[1]
    chain.path.write_bytes(b"".join(lines))
    assert refused(chain).startswith("c.jsonl:3: is not the line that followed")


@given(st.integers(min_value=1, max_value=200))
def test_a_torn_end_is_no_entry_and_is_mended(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    chain = Chain(tmp_path_factory.mktemp("c") / "c.jsonl")
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
        Chain(tmp_path / "no" / "c.jsonl").append({"n": 1})


def test_the_form_of_a_line_is_canonical(chain: Chain) -> None:
    for line in chain.path.read_bytes().splitlines():
        assert canonical_json(json.loads(line)) == line
