"""Building never takes the lock: a deploy that hangs keeps nobody from making what mends it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from morphops import base_image
from morphops.app import building
from morphops.app.site import Site, open_site
from morphops.docker import bake
from morphops.lock import Held, Holder
from morphops.registry import Registry
from tests.fakes import Recorder
from tests.test_plan import digest

ROOT = Path(__file__).parents[1]


class Asked:
    """A `lock.Lock` that nobody may ask for anything."""

    def hold(
        self, project: str, holder: Holder, wait: float = 0, inside: str = ""
    ) -> AbstractContextManager[Held]:
        raise AssertionError("the lock was asked for")

    def holder(self, project: str) -> Holder | None:
        raise AssertionError("the lock was looked at")

    def wrest(self, project: str, holder: Holder) -> None:
        raise AssertionError("the lock was taken away")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """This repository, with a registry that answers and a builder that builds at once."""

    def baked(*_: Any, targets: tuple[str, ...], **__: Any) -> dict[str, str]:
        return dict.fromkeys(targets, digest("1"))

    monkeypatch.setattr(Registry, "ping", lambda registry: None)
    monkeypatch.setattr(bake, "bake", baked)
    monkeypatch.setattr(bake, "public_registry_answers", lambda: True)
    monkeypatch.setattr(base_image, "make", lambda *_, **__: ())
    environ = {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml"), "MORPHOPS_STATE": str(tmp_path)}
    return replace(open_site(Recorder(), environ), lock=Asked())


def test_building_asks_for_no_lock(site: Site) -> None:
    built = building.build(site, version="1", push=True)
    assert set(built["images"]) == {n for n, spec in site.bundle.images.items() if spec.target}
    assert (site.state.root / "build.json").exists()
    assert building.make_bases(site)["state"] == "built"
