"""The copies of what releases carry: read by containers, so readable for everyone.

Each lies in a folder that the digest of its content names. It is written beside that, and then
renamed: so what is there is whole. A copy that was changed by hand is put right where it lies.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from morphops.adapters.store.files import fsync_folder, unwritable
from morphops.core.bundle.beside import Tree, digest_of_files

_BEGUN = ".begun-"
_FILE, _EXECUTABLE, _FOLDER = 0o644, 0o755, 0o755


def lay(tree: Tree, path: Path) -> None:
    """Make a copy be there, with the content of the tree and nothing else.

    Args:
        tree: what is carried.
        path: where, see `place_of`.

    Raises:
        PreconditionError: it cannot be written (disk full, read-only).
    """
    if digest_at(path) == tree.digest:
        return
    folder = path.parent
    try:
        if folder.exists():
            _put_right(tree, folder)
            return
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        begun = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_BEGUN))
        try:
            _write(tree, begun)
            begun.chmod(_FOLDER)
            begun.rename(folder)
        except BaseException:
            shutil.rmtree(begun, ignore_errors=True)
            raise
        fsync_folder(folder.parent)
    except OSError as err:
        raise unwritable(path, err) from None


def digest_at(path: Path) -> str:
    """The digest of a copy, as `Tree.digest`; empty where there is none, or none that is whole."""
    everything = [path] if path.is_file() else sorted(path.rglob("*"))
    names = [p for p in everything if p.is_symlink() or not p.is_dir()]
    if not names or any(p.is_symlink() for p in names):
        return ""
    try:
        files = {str(p.relative_to(path.parent)): p.read_bytes() for p in names}
        executable = {str(p.relative_to(path.parent)) for p in names if p.stat().st_mode & 0o100}
    except OSError:
        return ""
    return digest_of_files(files, executable)


def unused(root: Path, used: set[str]) -> tuple[Path, ...]:
    """The folders of copies, and of writes that were interrupted, that are not in use.

    Args:
        root: the folder of copies.
        used: the paths of copies that are needed.
    """
    if not root.is_dir():
        return ()
    needed = {Path(path).parent for path in used}
    return tuple(sorted(folder for folder in root.iterdir() if folder not in needed))


def _put_right(tree: Tree, folder: Path) -> None:
    """Write into the files that are there: a container that has one mounted sees it again."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.is_symlink() or str(path.relative_to(folder)) not in tree.files:
            path.unlink()
    _write(tree, folder)


def _write(tree: Tree, folder: Path) -> None:
    for name, data in tree.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _FILE)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        path.chmod(_EXECUTABLE if name in tree.executable else _FILE)
        for above in path.relative_to(folder).parents:  # whatever the umask is
            (folder / above).chmod(_FOLDER)
