"""Building never takes the lock: a deploy that hangs keeps nobody from making what mends it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.base_images import assemble
from morphops.adapters.docker import buildx, local_registry
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.local_registry import LocalRegistry
from morphops.adapters.registry.registry import Registry
from morphops.core.lock import Holder
from morphops.errors import ConfigError, PreconditionError
from morphops.interfaces import Held
from morphops.operations import build
from morphops.operations.image import base
from morphops.operations.registry import registry_down, registry_up
from morphops.report import registry as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import Recorder
from tests.paths import ROOT
from tests.results import valid
from tests.samples.releases import digest


class Asked:
    """A `lock.Lock` that nobody may ask for anything."""

    def hold(
        self, project: str, holder: Holder, wait: float = 0, inside: str = ""
    ) -> AbstractContextManager[Held]:
        raise AssertionError("the lock was asked for")

    def holder(self, project: str) -> Holder | None:
        raise AssertionError("the lock was looked at")

    def steal(self, project: str, holder: Holder) -> None:
        raise AssertionError("the lock was taken away")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """This repository, with a registry that answers and a builder that builds at once."""

    def baked(docker: Docker, request: buildx.BuildRequest, *_: Any) -> dict[str, str]:
        return dict.fromkeys(request.targets, digest("1"))

    monkeypatch.setattr(Registry, "ping", lambda registry: None)
    monkeypatch.setattr(buildx, "bake", baked)
    monkeypatch.setattr(buildx, "public_registry_answers", lambda: True)
    monkeypatch.setattr(assemble, "make", lambda *_, **__: ())
    environ = {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml"), "MORPHOPS_STATE": str(tmp_path)}
    return open_site(Recorder(), environ).on(lock=Asked())


def test_building_asks_for_no_lock(site: Site) -> None:
    built = valid("build", build.build(site, version="1", push=True))
    assert set(built["images"]) == {n for n, spec in site.bundle.images.items() if spec.target}
    assert (site.state.root / "build.json").exists()
    assert valid("image.base", base.make_bases(site))["state"] == "built"


@pytest.fixture
def without_build(site: Site) -> Site:
    return replace(site, bundle=replace(site.bundle, build=None))


THERE = LocalRegistry("127.0.0.1:5000", "r", "r", "running")


def test_a_registry_that_runs_needs_no_recipe(
    without_build: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_registry, "up", lambda *_, **__: THERE)
    assert valid("registry.up", registry_up(without_build))["state"] == "running"
    with pytest.raises(ConfigError, match="nothing to build") as caught:
        build.build(without_build)
    assert "inv release.create" in caught.value.hint


@pytest.mark.parametrize("public", [True, False])
def test_a_registry_is_started_without_a_recipe_where_its_image_is_reached(
    without_build: Site, monkeypatch: pytest.MonkeyPatch, public: bool
) -> None:
    asked = []

    def up(docker: Docker, *, image: Any, **_: Any) -> LocalRegistry:
        asked.append(image())
        return THERE

    class Images:
        """Of an engine that pulls whatever it is asked for."""

        image = property(lambda self: self)

        def pull(self, reference: str, quiet: bool) -> None:
            pass

    monkeypatch.setattr(local_registry, "up", up)
    monkeypatch.setattr(buildx, "public_registry_answers", lambda: public)
    monkeypatch.setattr(Docker, "client", lambda *_: Images())
    if public:
        registry_up(without_build)
        assert asked == [local_registry.PUBLIC_IMAGE]
        return
    with pytest.raises(PreconditionError, match="no recipe to make a registry from") as caught:
        registry_up(without_build)
    assert caught.value.hint.startswith("start one by yourself on 127.0.0.1:5000, or")


@pytest.mark.parametrize("deleted", [True, False])
def test_whether_a_registrys_data_is_still_there(
    site: Site, monkeypatch: pytest.MonkeyPatch, deleted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def down(docker: Docker, *, name: str, delete_data: bool) -> LocalRegistry:
        return LocalRegistry("127.0.0.1:5000", name, name, "stopped", delete_data)

    monkeypatch.setattr(local_registry, "down", down)
    view = registry_down(site, delete_data=deleted)
    report.registry(Reporter(), view)
    said = capsys.readouterr().out
    assert said.startswith("registry morphops-registry-5000: stopped at 127.0.0.1:5000 (")
    assert ("its data is deleted" in said) is deleted
    assert ("data: morphops-registry-5000" in said) is not deleted
