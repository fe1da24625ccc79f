"""Files written whole or not at all, and what to say of those that cannot be read."""

from __future__ import annotations

import fcntl
import glob
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from morphops.errors import PreconditionError

PART_SUFFIX = ".part"


def read_table(path: Path, *, hint: str) -> dict[str, dict[str, str]]:
    """A JSON object of objects that this program wrote; empty where there is no such file.

    Args:
        path: the file.
        hint: what to do where it is broken.

    Raises:
        PreconditionError: it is, or it belongs to another user.
    """
    try:
        table = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except PermissionError as err:  # the file itself is right, so `hint` does not apply
        raise unreadable(path, err) from None
    except (OSError, ValueError, RecursionError):
        table = None
    if not isinstance(table, dict) or not all(isinstance(row, dict) for row in table.values()):
        raise PreconditionError(f"{path} cannot be read", hint=hint)
    return table


def unreadable(path: Path, err: OSError) -> PreconditionError:
    """What to say of a file that cannot be read: whose it is, where that is the reason."""
    if isinstance(err, PermissionError):
        for place in (path, *path.parents):
            try:
                owner = place.stat().st_uid
            except OSError:  # below a folder that is closed to us
                continue
            if owner != os.geteuid():
                return not_yours(str(place), owner)
            break
    return PreconditionError(
        f"cannot read {path}: {err.strerror}",
        state="nothing was changed",
        hint=f"see owner and mode of {path} and of {path.parent}",
    )


def not_yours(what: str, owner: int) -> PreconditionError:
    return PreconditionError(
        f"{what} belongs to uid {owner}, not to you",
        state="nothing was changed",
        hint="run as its owner, or set MORPHOPS_STATE to a folder of your own",
    )


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder.

    Its mode is 0600, and that of folders that have to be made 0700.

    Raises:
        PreconditionError: the folder cannot be written (disk full, read-only).
    """
    try:
        _make(path.parent)
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=PART_SUFFIX
        )
        try:
            with os.fdopen(handle, "wb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)  # says that it is being written; see `in_use`
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
                Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        fsync_folder(path.parent)
    except OSError as err:
        raise unwritable(path, err) from None


@contextmanager
def used(path: Path) -> Iterator[None]:
    """Say for the block that a process is at a file or a folder; the kernel forgets a dead one."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def in_use(path: Path) -> bool:
    """Whether a process that lives says that it is at a file or a folder."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # gone, or not ours
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def halves(path: Path) -> tuple[Path, ...]:
    """What interrupted writes of a file left beside it."""
    found = path.parent.glob(f".{glob.escape(path.name)}.*{PART_SUFFIX}")
    return tuple(sorted(half for half in found if not in_use(half)))


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make(folder: Path) -> None:
    """Make a folder and those above it, so that their names outlive a power cut as well."""
    if folder.is_dir():
        return
    _make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    fsync_folder(folder.parent)


def unwritable(path: Path, err: OSError) -> PreconditionError:
    return PreconditionError(
        f"cannot write {path}: {err.strerror}",
        hint=f"free space there, or see owner and mode of {path.parent}",
    )
