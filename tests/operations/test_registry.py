"""What has nothing to do where the registry is somebody else's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from morphops.core.results.registry import RegistryInfo
from morphops.errors import InputError, RegistryError
from morphops.operations.image import base
from morphops.operations.registry.local import registry_down, registry_up
from morphops.report import registry as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import FakeBuilder, Recorder
from tests.paths import ROOT
from tests.results import valid

REMOTE = "registry.example.org"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    environ = {
        "MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
        "MORPHOPS_REGISTRY": REMOTE,
        "DOCKER_HOST": f"unix://{tmp_path}/none",
    }
    return open_site(Recorder(), environ)


@pytest.mark.parametrize("use_case", [registry_up, registry_down])
def test_a_registry_elsewhere_is_neither_started_nor_stopped(
    site: Site, use_case: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(use_case)
    result = use_case(site)
    assert result == RegistryInfo(state="elsewhere", address=REMOTE)
    valid("registry.down", result)
    report.registry(Reporter(), result)
    assert "is not on this machine: nothing to do" in capsys.readouterr().out


def test_data_elsewhere_is_not_deleted(site: Site) -> None:
    with pytest.raises(InputError, match=f"{REMOTE} is not local"):
        registry_down(site, delete_data=True)


@pytest.mark.parametrize(("public", "made"), [(True, False), (True, True), (False, False)])
def test_bases_that_nothing_needs_are_not_refreshed(
    site: Site, monkeypatch: pytest.MonkeyPatch, public: bool, made: bool
) -> None:
    site = replace(site, builder=FakeBuilder(public=public))

    def ping(registry: object) -> None:
        raise RegistryError("asked")

    monkeypatch.setattr(type(site.registry), "ping", ping)
    if made:
        (site.state.root / "bases").mkdir(parents=True)
    if public and not made:
        assert valid("image.base", base.make_bases(site, refresh=True))["state"] == "not needed"
    else:
        with pytest.raises(RegistryError, match="asked"):
            base.make_bases(site, refresh=True)
    with pytest.raises(RegistryError, match="asked"):  # asked for by name it is made
        base.make_bases(site)
