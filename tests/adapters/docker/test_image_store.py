"""Names of images that the engine lets go, or not."""

from __future__ import annotations

import pytest

from morphops.adapters.docker import image_store
from morphops.adapters.docker.client import Docker
from tests.adapters.docker.fake_engine import FakeEngine, says


@pytest.mark.parametrize(("is_there", "refused"), [(True, ("shop/api:1",)), (False, ())])
def test_what_is_gone_already_was_not_refused(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, is_there: bool, refused: tuple[str, ...]
) -> None:
    fake.answers["/images/shop/api:1"] = says({"message": "conflict, or no such image"}, 409)
    if is_there:
        fake.answers["/images/shop/api:1/json"] = says({"Id": "sha256:1"})
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    assert image_store.remove_references(Docker(), ["shop/api:1"]) == refused


# What Engine 28.5 answers; its `docker system df` counts more than all of it as reclaimable.
DISK = {
    "LayersSize": 17_412,
    "Images": [{"Id": "sha256:1", "Size": 9_220, "SharedSize": 0}],
    "BuildCache": [
        {"ID": "a", "Shared": True, "Size": 8_291},
        {"ID": "b", "Shared": False, "Size": 40},
        {"ID": "c", "Size": 2},
    ],
}


@pytest.mark.parametrize(
    ("said", "images", "cache"),
    [
        (DISK, 17_412, 42),
        ({"LayersSize": 0, "Images": None, "BuildCache": None}, 0, 0),
        ({"LayersSize": 1_234_567_891, "Images": []}, 1_234_567_891, 0),
    ],
)
def test_the_space_that_is_used(
    fake: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, object],
    images: int,
    cache: int,
) -> None:
    fake.answers["/system/df"] = says(said)
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    assert image_store.sizes(Docker()) == {"images": images, "build_cache": cache}


@pytest.mark.parametrize(
    ("finds", "id_"),
    [
        ({"manifest": "manifest"}, "manifest"),  # containerd's image store
        ({"config": "config"}, "config"),
        # A digest that finds an image need not be what the engine calls it.
        ({"manifest": "config", "config": "config"}, "config"),
        ({"manifest": "index"}, ""),
        ({}, ""),
    ],
)
def test_the_digest_by_which_an_engine_names_an_image(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, finds: dict[str, str], id_: str
) -> None:
    for digest, name in finds.items():
        fake.answers[f"/images/{digest}/json"] = says({"Id": name})
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    assert image_store.id_of(Docker(), ("manifest", "config")) == id_
