"""What every `Images` promises."""

from __future__ import annotations

import pytest

from morphops.errors import EngineCallFailed, IntegrityError, PreconditionError
from tests.contracts.place import RELEASE, Place

QUIET = 60.0


def test_it_says_what_images_must_be_for(place: Place) -> None:
    os_name, architecture = place.client().images.platform().split("/")[:2]
    assert os_name == "linux"
    assert architecture in ("amd64", "arm64")


def test_an_image_that_is_here_and_one_that_is_not(place: Place) -> None:
    images = place.client().images
    assert images.has_image(place.good)
    assert not images.has_image(place.missing)


def skip_where_the_reference_says_it_all(place: Place) -> None:
    if not place.names_by_config:
        pytest.skip("an image is named by the digest that it was pulled by")


def test_an_image_that_is_another_one_than_was_recorded_is_not_here(place: Place) -> None:
    skip_where_the_reference_says_it_all(place)
    assert not place.client().images.has_image(place.forged)


def test_a_pull_brings_an_image_and_says_so(place: Place) -> None:
    images = place.client().images
    place.drop(place.other)
    assert not images.has_image(place.other)
    said: list[str] = []
    images.pull_image(place.other, said.append, stalled_after=QUIET)
    assert images.has_image(place.other)
    assert all(line.startswith("a: ") for line in said)


def test_a_pull_of_what_is_here_is_fine(place: Place) -> None:
    images = place.client().images
    images.pull_image(place.good, print, stalled_after=QUIET)
    assert images.has_image(place.good)


def test_a_pull_of_an_image_that_is_not_what_was_recorded_is_refused(place: Place) -> None:
    skip_where_the_reference_says_it_all(place)
    with pytest.raises(IntegrityError) as refused:
        place.client().images.pull_image(place.forged, print, stalled_after=QUIET)
    assert refused.value.state == "no container was touched"


def test_a_pull_of_what_nobody_has_fails(place: Place) -> None:
    with pytest.raises(EngineCallFailed, match="pull"):
        place.client().images.pull_image(place.missing, print, stalled_after=QUIET)


def test_an_image_is_held_for_a_release(place: Place) -> None:
    images = place.client().images
    assert not place.is_held(place.good, RELEASE)
    images.hold_image(place.good, place.project, RELEASE)
    images.hold_image(place.good, place.project, RELEASE)
    assert place.is_held(place.good, RELEASE)
    assert images.has_image(place.good)


def test_what_is_not_here_cannot_be_held(place: Place) -> None:
    with pytest.raises(PreconditionError):
        place.client().images.hold_image(place.missing, place.project, RELEASE)
