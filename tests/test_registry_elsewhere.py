"""What has nothing to do where the registry is somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphops.app import building
from morphops.app.site import Site, open_site
from morphops.docker import bake
from morphops.errors import InputError, RegistryError
from morphops.report import building as report
from morphops.report.console import Reporter
from tests.fakes import Recorder

ROOT = Path(__file__).parents[1]
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


@pytest.mark.parametrize("use_case", [building.registry_up, building.registry_down])
def test_a_registry_elsewhere_is_neither_started_nor_stopped(
    site: Site, use_case: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(use_case)
    view = use_case(site)
    nothing = {"address": REMOTE, "container": "", "volume": "", "deleted": False}
    assert view == {"state": "elsewhere", **nothing}
    report.registry(Reporter(), view)
    assert "is not on this machine: nothing to do" in capsys.readouterr().out


def test_data_elsewhere_is_not_deleted(site: Site) -> None:
    with pytest.raises(InputError, match=f"{REMOTE} is not local"):
        building.registry_down(site, delete_data=True)


@pytest.mark.parametrize(("public", "made"), [(True, False), (True, True), (False, False)])
def test_bases_that_nothing_needs_are_not_refreshed(
    site: Site, monkeypatch: pytest.MonkeyPatch, public: bool, made: bool
) -> None:
    monkeypatch.setattr(bake, "public_registry_answers", lambda: public)

    def ping(registry: object) -> None:
        raise RegistryError("asked")

    monkeypatch.setattr(type(site.registry), "ping", ping)
    if made:
        (site.state.root / "bases").mkdir(parents=True)
    if public and not made:
        assert building.make_bases(site, refresh=True)["state"] == "not needed"
    else:
        with pytest.raises(RegistryError, match="asked"):
            building.make_bases(site, refresh=True)
    with pytest.raises(RegistryError, match="asked"):  # asked for by name it is made
        building.make_bases(site)
