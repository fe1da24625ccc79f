"""What a removal frees: against a world whose layers have a known size."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.core.history import space
from morphops.core.stack import LocalImage

# Layer → bytes; an image is a text, a letter for each layer, the lowest first.
SIZES = {"a": 1000, "b": 300, "c": 70, "d": 9, "e": 0}
Images = Sequence[str]


def nodes(images: Images) -> set[str]:
    """Each layer together with those below it: the same layer on others is another one."""
    return {image[:n] for image in images for n in range(1, len(image) + 1)}


def size(layers: set[str]) -> int:
    return sum(SIZES[prefix[-1]] for prefix in layers)


def world(images: Images) -> list[LocalImage]:
    """As an engine tells of them (moby, `SharedSize`)."""
    found = []
    for at, image in enumerate(images):
        others = nodes([*images[:at], *images[at + 1 :]])
        own = nodes([image])
        shared = size(own & others)
        found.append(
            LocalImage(str(at), frozenset(), size(own), layers=tuple(image), shared=shared)
        )
    return found


def frees(going: Images, staying: Images) -> int:
    return size(nodes(going) - nodes(staying))


def at_most(going: Images, staying: Images) -> int:
    there = world([*going, *staying])
    return space.at_most(there[: len(going)], there[len(going) :])


@pytest.mark.parametrize(
    ("going", "staying"),
    [
        ([], []),
        ([], ["ab"]),
        (["ab"], []),
        (["ab"], ["a"]),
        (["ab", "ac"], ["ad"]),  # releases on one base, and one of them stays
        (["ab", "ac"], []),  # they all go, and the base with them
        (["ab", "ab"], []),
        (["ab", "ab"], ["abc"]),
        (["abc", "abd", "ac"], ["ad"]),
        (["abc", "abd"], ["a"]),
        (["abc", "abd", "b", "bc"], ["a", "bcd"]),
        (["ab"], ["ba"]),
        (["ae"], ["a"]),
    ],
)
def test_what_is_freed(going: Images, staying: Images) -> None:
    assert at_most(going, staying) == frees(going, staying)


IMAGES = st.lists(st.text("abcde", min_size=1, max_size=5), max_size=6)


@given(going=IMAGES, staying=IMAGES)
def test_never_more_is_freed(going: Images, staying: Images) -> None:
    told = at_most(going, staying)
    assert frees(going, staying) <= told <= sum(size(nodes([image])) for image in going)


def test_of_an_engine_that_does_not_tell_what_is_shared() -> None:
    there = [LocalImage(str(n), frozenset(), 100, layers=("a",)) for n in range(2)]
    assert space.at_most(there[:1], there[1:]) == 100
