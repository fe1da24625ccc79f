"""What every `Heads` promises."""

from __future__ import annotations

from morphops.core.history.heads import Head
from tests.contracts.place import RELEASE, Place


def head(seq: int, **fields: object) -> Head:
    return Head(seq=seq, hash=f"{seq:064x}", release=RELEASE, **fields)  # type: ignore[arg-type]


def test_there_is_none_where_nobody_wrote(place: Place) -> None:
    heads = place.client().heads
    assert heads.read(place.project) is None
    assert heads.latest(place.project) is None


def test_what_was_written_is_read_by_another_client(place: Place) -> None:
    written = head(3, operation=2, step="start wave 1: db api", fence=1)
    place.client().heads.write(place.project, written)
    assert place.client().heads.read(place.project) == written
    assert place.client().heads.latest(place.project) == written
    assert place.client().heads.read(f"{place.project}-2") is None


def test_the_last_one_counts(place: Place) -> None:
    heads = place.client().heads
    for one in (head(1, operation=1), head(2, operation=1, step="pull api"), head(3)):
        heads.write(place.project, one)
        assert place.client().heads.read(place.project) == one


def test_the_same_one_can_be_written_twice(place: Place) -> None:
    heads = place.client().heads
    heads.write(place.project, head(1, operation=1))
    heads.write(place.project, head(1, operation=1))
    assert heads.read(place.project) == head(1, operation=1)


def test_a_fence_counts_before_a_number_and_the_furthest_one_is_known_still(place: Place) -> None:
    old, new = place.client().heads, place.client().heads
    old.write(place.project, head(9, operation=1))
    new.write(place.project, head(4, operation=2, fence=1))
    assert place.client().heads.read(place.project) == head(4, operation=2, fence=1)
    assert place.client().heads.latest(place.project) == head(9, operation=1)


def test_all_of_a_project_are_forgotten(place: Place) -> None:
    heads = place.client().heads
    heads.write(place.project, head(1, operation=1))
    heads.write(place.project, head(2, operation=1))
    place.client().heads.remove(place.project)
    assert place.client().heads.read(place.project) is None
    place.client().heads.remove(place.project)
