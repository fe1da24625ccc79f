"""The commit that a release and its images are labelled with, and whether it is all there was."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from morphops.operations.release.create import revision
from morphops.site import Site, open_site
from tests.fakes import Recorder
from tests.paths import STACK

AS = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *AS, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A project in a folder of its own, without git."""
    shutil.copytree(STACK, tmp_path / "ops")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/code").write_text("1\n")
    environ = {
        "MORPHOPS_BUNDLE": str(tmp_path / "ops/bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
    }
    return open_site(Recorder(), environ)


def test_without_git_there_is_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(site.folder.parents[1]))
    assert revision(site) == ""


@pytest.mark.parametrize(
    ("path", "dirty"),
    [
        ("", False),
        ("ops/bundle.yaml", True),
        ("src/code", True),  # also what only the images are made of
        ("ops/new.yaml", True),
        ("notes.txt", False),  # a new file that no release carries
        ("ops/ignored", False),
    ],
)
def test_what_is_not_committed_is_told(site: Site, path: str, dirty: bool) -> None:
    root = site.folder.parent
    (root / ".gitignore").write_text("ignored\nstate\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=all")
    if path:
        with (root / path).open("a") as file:
            file.write("# more\n")
    commit = git(root, "rev-parse", "HEAD")
    assert revision(site) == commit + ("-dirty" if dirty else "")
