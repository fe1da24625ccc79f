"""A long history: the commands that look read what is new, and rollbacks find what was sealed."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.store import segments
from morphops.core.results.base import Result
from morphops.errors import IntegrityError
from morphops.operations import audit, drift, lock, status
from morphops.operations.deploy import deploy
from morphops.operations.history import adopt, show
from morphops.operations.rollback import rollback
from morphops.operations.up import up
from morphops.site import Site
from tests.operations.in_memory.kept import Kept, keep, laid
from tests.operations.in_memory.world import NEW, OLD, World

LOOKS: dict[str, Callable[[Site], Result]] = {
    "status": status.status,
    "drift": drift.look,
    "lock.status": lock.status,
    "history.show": lambda site: show.history(site, 1),
    "deploy --plan": lambda site: deploy(site, [NEW.digest], plan_only=True),
}


SEGMENTS = (1, 2, 3, 4)  # that are sealed, in the histories that are kept
SHORT = 20_000  # bytes of one


@pytest.fixture(scope="module")
def lengths(place: Path, made: Kept) -> Mapping[int, Kept]:
    """A world for each number of sealed segments; one history that grew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "ENOUGH", SHORT)
        world = laid(place, made)
        deploy(world.site(), [OLD.digest])
        deploy(world.site(), [NEW.digest])
        kept = {}
        for count in SEGMENTS:
            while sealed(world) < count:
                up(world.site())
            kept[count] = keep(world)
    return kept


@pytest.fixture
def long(
    place: Path, lengths: Mapping[int, Kept], monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], World]:
    """A world with so many sealed segments."""
    monkeypatch.setattr(segments, "ENOUGH", SHORT)
    return lambda count: laid(place, lengths[count])


def sealed(world: World) -> int:
    return len(list((world.site().state.root / "history").glob("*.jsonl")))


@pytest.mark.parametrize("name", LOOKS)
def test_looking_costs_what_is_new(long: Callable[[int], World], name: str) -> None:
    for length in (1, 4):
        world = long(length)
        assert sealed(world) == length
        with pytest.MonkeyPatch.context() as patch:
            read = reads(world, patch, name)
        assert read <= (world.site().state.root / "history.jsonl").stat().st_size


def reads(world: World, patch: pytest.MonkeyPatch, name: str) -> int:
    """The bytes of the history that a command reads; none of them are of a sealed segment."""
    root, read = world.site().state.root, 0
    pread, opened = os.pread, io.open

    def spy(handle: int, size: int, offset: int) -> bytes:
        nonlocal read
        data = pread(handle, size, offset)
        if Path(f"/proc/self/fd/{handle}").readlink() == root / "history.jsonl":
            read += len(data)
        return data

    def open_(file: Any, *args: Any, **more: Any) -> Any:
        assert not str(file).startswith(str(root / "history")), f"{name} reads {file}"
        return opened(file, *args, **more)

    patch.setattr(os, "pread", spy)
    patch.setattr(io, "open", open_)
    LOOKS[name](world.site())
    return read


def test_a_long_history_is_whole_and_goes_back(long: Callable[[int], World]) -> None:
    world = long(3)
    proof = audit.verify(world.site(), "")
    assert (proof.engine, proof.cut_off) == ("agrees", 0)
    operations = show.history(world.site(), 1000).operations
    assert [record.id for record in operations] == list(range(1, proof.operations + 1))
    assert audit.show(world.site(), 1, 1000).entries[0].seq == 1
    assert len(audit.show(world.site(), 0, 10_000).entries) == proof.entries
    assert status.status(world.site()).release == NEW.digest
    rollback(world.site(), reason="a drill")
    assert status.status(world.site()).release == OLD.digest
    rollback(world.site(), to=NEW.digest, reason="a drill")
    assert status.status(world.site()).release == NEW.digest


def test_a_sealed_segment_that_was_changed_is_set_aside_with_the_rest(
    long: Callable[[int], World],
) -> None:
    world = long(2)
    root = world.site().state.root
    victim = root / "history" / "00000001.jsonl"
    victim.write_bytes(victim.read_bytes().replace(b'"id":1', b'"id":7', 1))
    with pytest.raises(IntegrityError, match=r"history/00000001\.jsonl:1: was changed"):
        audit.verify(world.site(), "")
    adopted = adopt.adopt(world.site(), reason="a segment was changed")
    assert (adopted.state, adopted.release) == ("adopted", NEW.digest)
    aside = [Path(path) for path in adopted.set_aside.split(", ")]
    assert [path.name.partition("-")[0] for path in aside] == [
        "history.jsonl.broken",
        "history.broken",
    ]
    assert (aside[1] / "00000001.jsonl").exists()
    assert audit.verify(world.site(), "").operations == 1
    assert status.status(world.site()).state == "healthy"
