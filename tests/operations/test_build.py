"""Building never takes the lock: a deploy that hangs keeps nobody from building the fix."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from morphops.adapters.base_images import assemble
from morphops.adapters.registry.registry import Registry
from morphops.core.lock import Holder
from morphops.errors import ConfigError, PreconditionError
from morphops.interfaces import Held
from morphops.operations import build
from morphops.operations.image import base, built_here
from morphops.operations.registry.local import registry_down, registry_up
from morphops.report import registry as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import FakeBuilder, FakeLocalRegistry, Recorder
from tests.paths import ROOT
from tests.results import valid
from tests.samples.releases import digest


class Asked:
    """A `Lock` that nobody may ask for anything."""

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

    monkeypatch.setattr(Registry, "ping", lambda registry: None)
    monkeypatch.setattr(assemble, "make", lambda *_, **__: ())
    environ = {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml"), "MORPHOPS_STATE": str(tmp_path)}
    site = open_site(Recorder(), environ).on(lock=Asked())
    return replace(site, builder=FakeBuilder(), local_registry=FakeLocalRegistry())


def test_building_asks_for_no_lock(site: Site) -> None:
    built = valid("build", build.build(site, version="1", push=True))
    assert set(built["images"]) == {n for n, spec in site.bundle.images.items() if spec.target}
    assert (site.state.root / "build.json").exists()
    # By one of these the engine names what was built here, and `prune` knows it again.
    assert built_here.known(site) == {digest("1"), digest("2")}
    built_here.forget(site, {digest("2"), digest("3")})
    assert built_here.known(site) == {digest("2")}
    assert valid("image.base", base.make_bases(site))["state"] == "built"


@pytest.fixture
def without_build(site: Site) -> Site:
    images = {name: replace(spec, target="") for name, spec in site.bundle.images.items()}
    return replace(site, bundle=replace(site.bundle, build=None, images=images))


def test_a_registry_that_runs_needs_no_recipe(without_build: Site) -> None:
    there = replace(without_build, local_registry=FakeLocalRegistry(runs=True))
    assert valid("registry.up", registry_up(there))["state"] == "running"
    with pytest.raises(ConfigError, match="nothing to build") as caught:
        build.build(there)
    assert "inv release.create" in caught.value.hint


def test_a_registry_is_started_without_a_recipe_where_its_image_is_reached(
    without_build: Site,
) -> None:
    registry = FakeLocalRegistry()
    registry_up(replace(without_build, local_registry=registry))
    assert registry.image == "the public image"
    away = replace(without_build, builder=FakeBuilder(public=False))
    with pytest.raises(PreconditionError, match="no recipe to make a registry from") as caught:
        registry_up(away)
    assert caught.value.hint.startswith("start one by yourself on 127.0.0.1:5000, or")


@pytest.mark.parametrize("deleted", [True, False])
def test_whether_a_registrys_data_is_still_there(
    site: Site, deleted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    view = registry_down(site, delete_data=deleted)
    report.registry(Reporter(), view)
    said = capsys.readouterr().out
    assert said.startswith("registry morphops-registry-5000: stopped at 127.0.0.1:5000 (")
    assert ("its data is deleted" in said) is deleted
    assert ("data: morphops-registry-5000" in said) is not deleted
