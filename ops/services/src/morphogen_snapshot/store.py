"""Puts the files of a snapshot on disk: all of them or none."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from morphogen_pir.manifest import MANIFEST_FILE


class StoreError(Exception):
    """The directory is left as it was; the message says why."""


def read_tree(directory: Path) -> dict[str, bytes]:
    """Every file below `directory`: relative path to bytes."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def install(files: Mapping[str, bytes], directory: Path, *, replace: bool) -> bool:
    """Make `directory` hold exactly `files`.

    They are written beside it and renamed, so a reader sees the old snapshot or the new one.
    (Replacing takes two renames: a crash between them leaves the old one as `<name>.old-…`.)

    Args:
        files: relative path to bytes.
        directory: where; its parent is made when it is missing.
        replace: whether a different snapshot that stands there may go.

    Returns:
        False when `directory` held exactly these bytes already, and nothing was written.

    Raises:
        StoreError: when something else stands there, or the disk says no.
    """
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 (resolve() would follow links)
    try:
        if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
            raise StoreError(f"{directory} is not a directory")
        has_content = directory.exists() and any(directory.iterdir())
        if has_content and not (directory / MANIFEST_FILE).is_file():
            raise StoreError(f"{directory} holds something that is no snapshot")
        if has_content and read_tree(directory) == files:
            return False
        if has_content and not replace:
            raise StoreError(f"{directory} holds another snapshot; --force replaces it")
        directory.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(files, directory, has_content=has_content)
    except OSError as error:
        raise StoreError(f"{directory}: {error.strerror or error}") from error
    return True


def _write_and_rename(files: Mapping[str, bytes], directory: Path, *, has_content: bool) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=f".{directory.name}.new-", dir=directory.parent))
    try:
        for name, data in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.chmod(0o644)
        for folder in (fresh, *(path for path in fresh.rglob("*") if path.is_dir())):
            folder.chmod(0o755)  # servers run as another user
        if has_content:
            old = Path(tempfile.mkdtemp(prefix=f".{directory.name}.old-", dir=directory.parent))
            directory.rename(old)
            fresh.rename(directory)
            shutil.rmtree(old)
        else:
            fresh.rename(directory)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    descriptor = os.open(directory.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
