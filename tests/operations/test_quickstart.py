"""What quickstart tells to try can be typed where it was called."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphops.operations import quickstart


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A project with a `.venv` that has Python and `inv`."""
    bin_ = tmp_path / "project/.venv/bin"
    bin_.mkdir(parents=True)
    for name in ("python", "inv"):
        (bin_ / name).write_text("#!/bin/sh\n")
        (bin_ / name).chmod(0o755)
    return bin_ / "python"


def test_an_environment_that_is_not_activated(program: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert quickstart.typed(program, "/nowhere", project) == ".venv/bin/inv"
    assert quickstart.typed(program, "/nowhere", project / ".venv") == "bin/inv"
    elsewhere = str(program.with_name("inv"))
    assert quickstart.typed(program, "/nowhere", tmp_path / "x") == elsewhere


def test_one_that_is(program: Path, tmp_path: Path) -> None:
    assert quickstart.typed(program, f"{program.parent}:/bin", tmp_path) == "inv"


def test_another_one_on_the_path_is_not_ours(program: Path, tmp_path: Path) -> None:
    other = tmp_path / "bin"
    other.mkdir()
    (other / "inv").write_text("#!/bin/sh\n")
    (other / "inv").chmod(0o755)
    assert quickstart.typed(program, str(other), tmp_path / "project") == ".venv/bin/inv"


def test_where_there_is_none_it_is_what_the_path_has(tmp_path: Path) -> None:
    assert quickstart.typed(tmp_path / "python", "/nowhere", tmp_path) == "inv"
