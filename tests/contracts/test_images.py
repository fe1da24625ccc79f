"""What every `Images` promises."""

from __future__ import annotations

import pytest

from morphops.core.release.reference import hold_tag
from morphops.errors import EngineCallFailed, IntegrityError, PreconditionError
from tests.contracts.place import LATER, RELEASE, Place

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


def test_the_inventory_has_every_name_of_an_image(place: Place) -> None:
    images = place.client().images
    images.hold_image(place.good, place.project, RELEASE)
    tag = hold_tag(place.project, place.good.ref, RELEASE)
    (one,) = [found for found in images.inventory() if tag in found.references]
    assert str(place.good.ref) in one.references
    assert one.size > 0
    assert not one.used


def test_a_name_is_removed_and_the_image_stays_under_the_other(place: Place) -> None:
    images = place.client().images
    for release in (RELEASE, LATER):
        images.hold_image(place.good, place.project, release)
    tag = hold_tag(place.project, place.good.ref, RELEASE)
    assert images.remove_references([tag]) == ()
    assert not place.is_held(place.good, RELEASE)
    assert images.has_image(place.good)


def test_a_name_that_nothing_has_need_not_be_removed(place: Place) -> None:
    assert place.client().images.remove_references([str(place.missing.ref)]) == ()


def test_an_image_says_what_it_is(place: Place) -> None:
    images = place.client().images
    place.drop(place.other)
    images.image_facts(str(place.other.ref), print, stalled_after=QUIET)
    assert images.has_image(place.other)
    with pytest.raises(EngineCallFailed, match="pull"):
        images.image_facts(str(place.missing.ref), print, stalled_after=QUIET)


def test_how_much_space_is_used(place: Place) -> None:
    assert place.client().images.disk_use().keys() == {"images", "build_cache"}
