"""Compose files as they are found: what Compose itself reads of them, and what is found in them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from posixpath import normpath
from typing import Any

import pytest

from morphops.core.bundle.derive.waves import dependencies
from morphops.operations.bundle import check, init
from morphops.site import open_site
from tests.fakes import Recorder
from tests.paths import ROOT
from tests.samples import shapes

pytestmark = pytest.mark.engine

# Several files: an override, `include`, `extends`, `!reset`, `!override`, anchors.
TOGETHER = "compose-together"


def rendered(folder: Path) -> dict[str, Any]:
    """The services as Compose has them, with every profile on and nothing put in."""
    words = ["docker", "compose", "--profile=*", "config", "--format=json", "--no-interpolate"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def binds(service: Any, folder: Path) -> set[tuple[str, str, bool]]:
    """Source, target and whether it is read-only, of what lies on the host."""
    return {
        (
            normpath(folder / v["source"]),
            v["target"],
            str(v.get("read_only", False)).lower() == "true",
        )
        for v in service.get("volumes") or ()
        if v["type"] == "bind" and "$" not in v["source"]
    }


@pytest.mark.parametrize("name", [*shapes.NAMES, TOGETHER])
def test_compose_reads_the_same(name: str, tmp_path: Path) -> None:
    if name == TOGETHER:
        folder = shutil.copytree(ROOT / "tests/data" / name, tmp_path / name)
    else:
        folder = shapes.copy(name, tmp_path)
    environ = {"MORPHOPS_STATE": str(tmp_path / "state")}
    init.init(Recorder(), folder, (), environ)
    site = open_site(Recorder(), environ | {"MORPHOPS_BUNDLE": str(folder / "bundle.yaml")})
    assert site.completed is not None
    found, wanted = site.completed.model.services, rendered(folder)
    assert set(found) == set(wanted)
    for key, service in wanted.items():
        own = found[key]
        assert own.get("image") == service.get("image")
        assert set(dependencies(own)) == set(service.get("depends_on") or ())
        assert binds(own, folder) == binds(service, folder)


@pytest.mark.parametrize("name", shapes.NAMES)
def test_each_finding_has_a_rule_that_a_person_may_accept(name: str, tmp_path: Path) -> None:
    folder = shapes.copy(name, tmp_path)
    environ = {"MORPHOPS_STATE": str(tmp_path / "state")}
    init.init(Recorder(), folder, (), environ)
    site = open_site(Recorder(), environ | {"MORPHOPS_BUNDLE": str(folder / "bundle.yaml")})
    assert [str(finding) for finding in check.findings(site) if not finding.rule] == []
