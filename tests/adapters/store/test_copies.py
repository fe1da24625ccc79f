"""Copies of what releases carry: whole, for everyone to read, and put right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from morphops.adapters.store import copies
from morphops.core.bundle.beside import Tree, place_of
from morphops.errors import PreconditionError

FOLDER = Tree(
    "ops/conf",
    {"conf/a": b"a", "conf/sub/run.sh": b"#!"},
    frozenset({"conf/sub/run.sh"}),
)
FILE = Tree("nginx.conf", {"nginx.conf": b"x"})


@pytest.fixture(params=[FOLDER, FILE], ids=["folder", "file"])
def tree(request: pytest.FixtureRequest) -> Tree:
    return request.param  # type: ignore[no-any-return]


def test_a_copy_has_the_digest_of_what_is_carried(tree: Tree, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        path = Path(place_of(tree, str(tmp_path / "carried")))
        assert copies.digest_at(path) == ""
        copies.lay(tree, path)
    finally:
        os.umask(old)
    assert copies.digest_at(path) == tree.digest
    modes = {str(p.relative_to(path.parent)): p.stat().st_mode & 0o777 for p in _all(path)}
    assert {mode for name, mode in modes.items() if name.endswith(("a", ".conf"))} == {0o644}
    assert all(m == 0o755 for name, m in modes.items() if not name.endswith(("a", ".conf")))
    assert [p.name for p in path.parent.parent.iterdir()] == [path.parent.name]


def _all(path: Path) -> list[Path]:
    return [path.parent, path, *path.rglob("*")]


def test_the_file_that_is_mounted_is_written_again_and_not_another(
    tree: Tree, tmp_path: Path
) -> None:
    path = Path(place_of(tree, str(tmp_path)))
    copies.lay(tree, path)
    file = path.parent / min(tree.files)
    inode = file.stat().st_ino
    file.write_bytes(b"altered")
    assert copies.digest_at(path) not in ("", tree.digest)
    copies.lay(tree, path)
    assert copies.digest_at(path) == tree.digest
    assert file.stat().st_ino == inode


def test_what_was_added_or_put_in_its_place_goes(tmp_path: Path) -> None:
    path = Path(place_of(FOLDER, str(tmp_path)))
    copies.lay(FOLDER, path)
    (path / "a").unlink()
    (path / "a").symlink_to("/etc/hostname")
    (path / "more/deep").mkdir(parents=True)
    (path / "more/deep/x").write_text("x")
    copies.lay(FOLDER, path)
    assert copies.digest_at(path) == FOLDER.digest
    assert Path("/etc/hostname").read_bytes() != b"a"


def test_what_nobody_needs(tmp_path: Path) -> None:
    one, other = (Path(place_of(tree, str(tmp_path))) for tree in (FOLDER, FILE))
    assert copies.unused(tmp_path / "none", set()) == ()
    copies.lay(FOLDER, one)
    copies.lay(FILE, other)
    (tmp_path / ".begun-x").mkdir()
    assert set(copies.unused(tmp_path, {str(one)})) == {other.parent, tmp_path / ".begun-x"}


def test_a_copy_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "carried").write_text("")
    with pytest.raises(PreconditionError, match="cannot write"):
        copies.lay(FILE, Path(place_of(FILE, str(tmp_path / "carried"))))
