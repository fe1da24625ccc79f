"""The state folder: whose it is, where it is, and that a write is whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from morphops.adapters.store.files import read_table
from morphops.adapters.store.history_file import HistoryReader
from morphops.adapters.store.state_folder import StateFolder
from morphops.errors import InputError, PreconditionError

D = "sha256:" + "a" * 64


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_nobody_else_may_look(tmp_path: Path, umask: int) -> None:
    state = StateFolder(tmp_path / "a" / "state")
    before = os.umask(umask)
    try:
        state.write(state.deployment(7).values, b"A=1\n")
        state.key()
    finally:
        os.umask(before)
    assert mode(state.root) == 0o700
    assert mode(state.deployment(7).folder) == 0o700
    assert mode(state.deployment(7).values) == 0o600
    assert mode(state.root / "key") == 0o600


def test_a_folder_that_stands_open_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StateFolder(tmp_path).ensure()
    assert mode(tmp_path) == 0o700


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    assert state.releases() == ()
    assert state.release(D) == tmp_path / "state" / "releases" / ("a" * 64)
    assert state.deployment(12).files == tmp_path / "state" / "deployments" / "000012" / "files"
    assert state.deployment(12).labels.parent == state.deployment(12).folder
    assert not state.root.exists()


def test_releases_are_known_by_their_digests(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    other = "sha256:" + "0" * 64
    for digest in (D, other):
        state.release(digest).mkdir(parents=True)
    (tmp_path / "releases" / ".half-fetched").mkdir()
    assert state.releases() == (other, D)


def test_a_write_replaces_the_whole_file(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    path = tmp_path / "file"
    state.write(path, b"a longer first text")
    state.write(path, b"second")
    assert path.read_bytes() == b"second"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, error: BaseException
) -> None:
    state = StateFolder(tmp_path)
    path = tmp_path / "file"
    state.write(path, b"old")

    def fail(*_: object) -> None:
        raise error

    # Path.replace is os.replace or os.rename, by version; the library calls the method.
    where: tuple[object, str] = (Path, broken) if broken == "replace" else (os, broken)
    with monkeypatch.context() as patch:
        patch.setattr(*where, fail)
        with pytest.raises((PreconditionError, KeyboardInterrupt)) as caught:
            state.write(path, b"new")
    if isinstance(error, OSError):
        assert isinstance(caught.value, PreconditionError)
        assert caught.value.what == f"cannot write {path}: No space left on device"
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_data_and_name_are_on_disk_before_a_write_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = StateFolder(tmp_path)
    synced: list[str] = []

    def fsync(handle: int) -> None:
        # The file still has its temporary name; the folder has the final one by then.
        name = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append("folder" if name == tmp_path else "file")
        assert (tmp_path / "file").exists() == (name == tmp_path)

    monkeypatch.setattr(os, "fsync", fsync)
    state.write(tmp_path / "file", b"x")
    assert synced == ["file", "folder"]


def test_the_key_is_made_once(tmp_path: Path) -> None:
    one = StateFolder(tmp_path / "one")
    key = one.key()
    assert len(key) == 32
    assert one.key() == key
    assert StateFolder(tmp_path / "one").key() == key
    assert StateFolder(tmp_path / "two").key() != key


@pytest.mark.parametrize(
    ("uid", "environ", "place"),
    [
        (0, {}, "/var/lib/morphops/shop"),
        (0, {"XDG_STATE_HOME": "/xdg"}, "/var/lib/morphops/shop"),
        (7, {}, "/home/me/.local/state/morphops/shop"),
        (7, {"XDG_STATE_HOME": "/xdg"}, "/xdg/morphops/shop"),
        (7, {"XDG_STATE_HOME": ""}, "/home/me/.local/state/morphops/shop"),
        # "All paths must be absolute"; a relative one is to be ignored (XDG, "Basics").
        (7, {"XDG_STATE_HOME": "xdg"}, "/home/me/.local/state/morphops/shop"),
        (7, {"MORPHOPS_STATE": "/mine", "XDG_STATE_HOME": "/xdg"}, "/mine"),
        (0, {"MORPHOPS_STATE": "/mine"}, "/mine"),
        (0, {"MORPHOPS_STATE": ""}, "/var/lib/morphops/shop"),
    ],
)
def test_where_it_is(
    monkeypatch: pytest.MonkeyPatch, uid: int, environ: dict[str, str], place: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setenv("HOME", "/home/me")
    assert StateFolder.of("shop", environ.get("MORPHOPS_STATE", ""), environ).root == Path(place)


@pytest.mark.parametrize("named", ["here", "./here", "~/here", " /here"])
def test_a_place_that_depends_on_where_one_is(named: str) -> None:
    with pytest.raises(InputError, match="is not an absolute path") as caught:
        StateFolder.of("shop", named, {})
    assert (caught.value.exit_code, "export" in caught.value.hint) == (2, True)


def test_the_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(PreconditionError, match=f"belongs to uid {owner}, not to you") as caught:
        StateFolder(tmp_path).ensure()
    assert "MORPHOPS_STATE" in caught.value.hint


@pytest.mark.parametrize(
    "read",
    [lambda path: read_table(path, hint="remove it"), lambda path: HistoryReader(path).records()],
)
@pytest.mark.parametrize("mine", [False, True])
def test_a_file_that_may_not_be_read_is_not_called_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object], mine: bool
) -> None:
    """To remove `pins.json`, because another user may not read it, would lose every pin."""

    def refuse(path: Path, *_: int) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(path))

    path = tmp_path / "file.json"
    path.write_text("{}")
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner if mine else owner + 1)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PreconditionError) as caught:
        read(path)
    error = caught.value
    assert ("belongs to uid" in error.what) is not mine
    assert str(path) in error.what
    assert "remove" not in error.hint
    assert (error.state, bool(error.hint)) == ("nothing was changed", True)


@pytest.mark.parametrize("below", [".", "state"])
def test_a_file_in_the_way(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PreconditionError, match=r"cannot be used: (File exists|Not a directory)"):
        StateFolder(tmp_path / "file" / below).ensure()
