"""`bundle.show`: the whole bundle, and where each part comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from morphops.operations.bundle import init, show
from morphops.report import bundle as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import Recorder
from tests.paths import OPS
from tests.results import valid
from tests.samples import shapes


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"MORPHOPS_STATE": str(tmp_path / "state")}


def opened(path: Path, environ: dict[str, str]) -> Site:
    return open_site(Recorder(), environ | {"MORPHOPS_BUNDLE": str(path)})


@pytest.mark.parametrize("name", shapes.NAMES)
def test_what_is_shown_is_the_bundle(
    name: str, tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shapes.copy(name, tmp_path)
    init.init(Recorder(), folder, (), environ)
    site = opened(folder / "bundle.yaml", environ)
    view = show.show(site)
    assert view.state == "derived"
    assert valid("bundle.show", view)["bundle"] == yaml.safe_load(site.texts["bundle.yaml"])
    report.bundle_show(Reporter(), view)
    shown: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    variables = shown.pop("variables") or {}
    assert shown == view.bundle
    assert variables == view.variables


def test_each_part_says_where_it_comes_from(
    tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shapes.copy("relative-binds", tmp_path)
    init.init(Recorder(), folder, (), environ)
    report.bundle_show(Reporter(), show.show(opened(folder / "bundle.yaml", environ)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# bundle.yaml, complete"
    for line in (
        "project: relative-binds  # bundle.yaml:2",
        "registry: 127.0.0.1:5000  # default",
        "  db: {source: 'postgres:16', services: [db]}  # compose.yaml:12: postgres:16",
        "    - nginx.conf  # proxy reads it",
        "    - data  # db names it, and nothing is there yet",
        "settle: 15  # default",
        "  DATA: {about: Used by db., default: ./data}  # compose.yaml:15",
    ):
        assert line in lines


def test_a_bundle_that_a_person_wrote_is_shown_with_its_lines(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    site = opened(OPS / "bundle.yaml", environ)
    assert (site.completed, site.texts) == (None, {})
    view = show.show(site)
    assert view.state == "written"
    assert view.origins["registry"].startswith("ops/bundle.yaml:")
    report.bundle_show(Reporter(), view)
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown.pop("variables") == view.variables
    assert shown == yaml.safe_load((OPS / "bundle.yaml").read_text())
