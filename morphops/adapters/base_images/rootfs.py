"""A root file system as a tar → one layer whose bytes depend on its contents only.

What the maker of the tar leaves to chance is taken out: order, times, owners' names, the host's own
resolver file. What a recipe adds is added as data. All of it runs file by file: the layer, some
100 MB, is never in memory.
"""

from __future__ import annotations

import fnmatch
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from morphops.adapters.base_images.stored_gzip import StoredGzip
from morphops.core.base_images.recipe import Edits, Layer
from morphops.errors import ConfigError

# Docker mounts these itself, and the maker copies the host's files of these names.
_NEVER = (
    "dev/*",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/apt/*",
    "var/cache/apt/*",
    "var/lib/apt/*",
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A member of the tree; `data` where the content is ours, else it is read from the tar."""

    info: tarfile.TarInfo
    data: bytes | None = None


def write_layer(source: Path, target: Path, edits: Edits, epoch: int) -> Layer:
    """Write the normalised layer of a root file system.

    Args:
        source: a tar of the root file system.
        target: where the layer is written.
        edits: what to change.
        epoch: the one modification time that every entry gets, seconds since 1970.

    Raises:
        ConfigError: the edits do not fit the tree.
    """
    with tarfile.open(source) as tar, target.open("wb") as raw:
        tree = _read(tar)
        _apply(tree, tar, edits)
        stored = StoredGzip(raw)
        # PAX, because only it has room for long names and for file capabilities.
        with tarfile.open(
            fileobj=stored, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20
        ) as out:
            for info, content in _ordered(tree, tar, epoch):
                out.addfile(info, content)
        return stored.finish()


def _read(tar: tarfile.TarFile) -> dict[str, _Entry]:
    tree = {}
    for info in tar:
        name = info.name.removeprefix("./").strip("/")
        if name in ("", ".") or _matches(name, _NEVER):
            continue
        tree[name] = _Entry(info)
    return tree


def _apply(tree: dict[str, _Entry], tar: tarfile.TarFile, edits: Edits) -> None:
    for pattern, folder in edits.unpack.items():
        _unpack(tree, tar, pattern, folder)
    for path, pattern in edits.concat.items():
        parts = [_content(tree[name], tar) for name in _glob(tree, pattern)]
        _put(tree, path, b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts))
    removed = tuple(_inside(pattern) for pattern in edits.remove)
    kept = tuple(_inside(pattern) for pattern in edits.keep)
    # Folders whose contents are kept in part stay; otherwise the kept files would hang in the air.
    needed = {
        "/".join(name.split("/")[:depth])
        for name in tree
        if _matches(name, kept)
        for depth in range(1, name.count("/") + 2)
    }
    for name in list(tree):
        if name not in needed and any(_below(name, pattern) for pattern in removed):
            del tree[name]
    for path, text in edits.files.items():
        _put(tree, path, text.encode(), 0o755 if path in edits.executable else 0o644)
    for path, target in edits.links.items():
        _link(tree, path, target)
    for path, text in edits.folders.items():
        _folder(tree, path, text)


def _ordered(
    tree: Mapping[str, _Entry], tar: tarfile.TarFile, epoch: int
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    # A hard link comes after the file that it names, wherever the alphabet would put it.
    for name in sorted(tree, key=lambda name: (tree[name].info.islnk(), name)):
        entry = tree[name]
        old = entry.info
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.uid, info.gid = old.type, old.mode, old.uid, old.gid
        info.linkname, info.mtime = old.linkname, epoch
        info.devmajor, info.devminor = old.devmajor, old.devminor
        info.pax_headers = {
            key: value for key, value in old.pax_headers.items() if key.startswith("SCHILY.xattr.")
        }
        if old.islnk():
            info.linkname = old.linkname.removeprefix("./")
            if info.linkname not in tree:
                raise ConfigError(f"remove: /{info.linkname} must stay, /{name} is a link to it")
        if entry.data is not None:
            info.size = len(entry.data)
            yield info, io.BytesIO(entry.data)
        elif old.isreg():
            info.size = old.size
            yield info, tar.extractfile(old)
        else:
            yield info, None


def _unpack(tree: dict[str, _Entry], tar: tarfile.TarFile, pattern: str, folder: str) -> None:
    found = list(_glob(tree, pattern))
    if len(found) != 1:
        raise ConfigError(f"unpack: {pattern} must match one file, and matches {len(found)}")
    with zipfile.ZipFile(io.BytesIO(_content(tree[found[0]], tar))) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith("/"):
                _put(tree, f"{folder.rstrip('/')}/{name}", archive.read(name))


def _content(entry: _Entry, tar: tarfile.TarFile) -> bytes:
    if entry.data is not None:
        return entry.data
    file = tar.extractfile(entry.info)
    return file.read() if file else b""


def _put(tree: dict[str, _Entry], path: str, data: bytes, mode: int = 0o644) -> None:
    name = _inside(path)
    _parents(tree, name)
    info = tarfile.TarInfo(name)
    info.mode = mode
    tree[name] = _Entry(info, data)


def _link(tree: dict[str, _Entry], path: str, target: str) -> None:
    name = _inside(path)
    _parents(tree, name)
    for other in [other for other in tree if other.startswith(f"{name}/")]:
        # The packages make /var/run a folder, and a running system has a link there.
        if not tree[other].info.isdir():
            raise ConfigError(f"links: {path} is a folder with files in it")
        del tree[other]
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, target
    tree[name] = _Entry(info)


def _folder(tree: dict[str, _Entry], path: str, text: str) -> None:
    name = _inside(path)
    _parents(tree, name)
    try:
        mode, _, owner = text.partition(" ")
        uid, _, gid = (owner or "0:0").partition(":")
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, int(mode, 8)
        info.uid, info.gid = int(uid), int(gid)
    except ValueError:
        raise ConfigError(f"folders: {path}: {text!r} is no `mode [uid:gid]`") from None
    tree[name] = _Entry(info)


def _parents(tree: dict[str, _Entry], name: str) -> None:
    parts = name.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        parent = "/".join(parts[:depth])
        if parent not in tree:
            info = tarfile.TarInfo(parent)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tree[parent] = _Entry(info)
        elif tree[parent].info.issym():
            raise ConfigError(f"/{name}: /{parent} is a link; name the real folder")


def _glob(tree: Mapping[str, _Entry], pattern: str) -> Iterator[str]:
    inside = _inside(pattern)
    return (
        name
        for name in sorted(tree)
        if tree[name].info.isreg() and fnmatch.fnmatchcase(name, inside)
    )


def _below(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"{pattern}/*")


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _inside(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/"):
        raise ConfigError(f"{path!r}: a path in an image is absolute and has no `..`")
    return path.strip("/")
