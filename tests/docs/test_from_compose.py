"""docs/how-to/from-compose.md: its files are made a bundle of, and the tasks say what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from morphops.operations.bundle import init, show
from morphops.report import bundle as report
from morphops.report.console import Reporter
from morphops.site import open_site
from tests.fakes import Recorder
from tests.paths import ROOT

PAGE = (ROOT / "docs/how-to/from-compose.md").read_text()


def fence(mark: str) -> str:
    """What stands between the fences that have this mark."""
    (found,) = re.findall(rf"^```\w+ \{{{mark}\}}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "shop"
    place.mkdir()
    for name in re.findall(r"^```\w+ \{file=(\S+)\}$", PAGE, re.MULTILINE):
        (place / name).write_text(fence(f"file={name}"))
    return place


def test_the_tasks_say_what_the_page_shows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"MORPHOPS_STATE": str(folder.parent / "state")}
    report.bundle_init(Reporter(), init.init(Recorder(), folder, (), environ))
    said = capsys.readouterr().out.replace(environ["MORPHOPS_STATE"], "/var/lib/morphops/shop")
    assert f"$ morphops bundle.init\n{said}" == fence("says=bundle.init")
    assert (folder / "bundle.yaml").read_text() == fence("says=bundle.yaml")

    site = open_site(Recorder(), environ | {"MORPHOPS_BUNDLE": str(folder / "bundle.yaml")})
    report.bundle_show(Reporter(), show.show(site))
    shown = capsys.readouterr().out
    first, *parts = fence("says=bundle.show").split("…\n")
    assert shown.startswith(first.partition("\n")[2])
    for part in filter(None, parts):
        assert part in shown
        shown = shown.partition(part)[2]
