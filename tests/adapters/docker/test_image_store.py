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
