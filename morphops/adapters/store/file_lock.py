"""A lock on a file of this machine; the kernel frees it when its holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from morphops.errors import LockHeld, PreconditionError


@contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold it for the block.

    Args:
        path: the file; made where it is not there.
        what: what the lock is for, as it reads in "… is under way already".

    Raises:
        LockHeld: another process holds it.
        PreconditionError: the file cannot be used.
    """
    try:
        # Close-on-exec (Python's default): a child that outlives us must not keep the lock.
        with path.open("a+") as stream:
            path.chmod(0o600)
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise LockHeld(
            f"{what} is under way already", state="this command changed nothing"
        ) from None
    except OSError as err:
        raise PreconditionError(
            f"cannot use the lock {path}: {err.strerror}",
            state="nothing was changed",
            hint="see the owner and the mode of its folder",
        ) from None
