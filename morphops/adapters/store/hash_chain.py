"""An append-only file of JSON lines, each of which holds the hash of the one before; see `chain`.

So an entry that was edited, dropped, inserted or moved is found, and named. A chain alone cannot
show that its last lines were removed: for that, the last hash must be kept in another place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from morphops.adapters.store.files import fsync_folder, unreadable, write_whole
from morphops.core import chain
from morphops.core.chain import START, Place
from morphops.errors import IntegrityError, LockLost, PreconditionError

_SPARE = 64 * 1024  # bytes: enough for every entry of an operation and of its automatic rollback
_PAGE = 4096
_CHUNK = 1 << 20
PATIENCE = 10.0  # seconds to wait for another writer, who needs milliseconds
_MOMENT = 0.02
_FULL = (errno.ENOSPC, errno.EDQUOT)

_Look = tuple[int, int, int]


class HashChain:
    """One file. What was read of it once is not read again, unless the file is another by then.

    Args:
        path: made by the first entry, mode 0600; its folder must be there.
        follows: what the first entry of the file must follow. A file that goes on the chain of
            another one begins with an entry that says so.
    """

    def __init__(
        self, path: Path, follows: Callable[[Mapping[str, Any]], Place] = lambda _: (0, START)
    ) -> None:
        self.path = path
        self._follows = follows
        self._forget()

    def _forget(self) -> None:
        self._entries: list[dict[str, Any]] = []
        # Number and hash of the last entry, and what the file looked like when they were read.
        self._end: Place = (0, START)
        self._seen: _Look | None = None
        self._size = 0  # bytes up to the end of that entry; a torn line may follow

    def entries(self) -> tuple[dict[str, Any], ...]:
        """Every entry with its `seq`, `prev` and `hash`; empty where there is no file.

        A last line that a crash tore is not an entry: nothing was done on its account yet. Such a
        line has no end, or has NUL bytes: a power cut may keep its last page and lose another.

        Raises:
            IntegrityError: naming the first line that is not what was written.
            PreconditionError: the file cannot be read.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._read(handle)
            finally:
                os.close(handle)
        except FileNotFoundError:
            self._forget()
        except OSError as err:
            raise unreadable(self.path, err) from None
        return tuple(self._entries)

    def _read(self, handle: int) -> None:
        """Read what is new since the last time; all of it where the file is not the same."""
        look = _look(handle)
        if look == self._seen:
            return
        if self._seen is None or look[0] != self._seen[0] or look[1] <= self._seen[1]:
            self._forget()
        try:
            self._read_on(handle, look)
        except IntegrityError:
            # What stands before may be what was changed; then that line is the one to name.
            self._forget()
            self._read_on(handle, look)

    def _read_on(self, handle: int, look: _Look) -> None:
        *lines, _torn = _read_all(handle, self._size).split(b"\n")
        if lines and b"\0" in lines[-1]:
            lines.pop()
        for line in lines:
            entry = chain.parse(line)
            number = len(self._entries) + 1
            if entry is None:
                raise self._broken(number, "was changed after it was written")
            if not chain.follows(entry, self._end if self._entries else self._follows(entry)):
                raise self._broken(number, "is not the line that followed the one above")
            self._add(entry, line + b"\n")
        self._seen = look

    def _add(self, entry: dict[str, Any], line: bytes) -> None:
        self._entries.append(entry)
        self._end = chain.place(entry)
        self._size += len(line)

    def append(self, entry: Mapping[str, Any], *, after: Place | None = None) -> str:
        """Write an entry, and return only when it is on the disk.

        Args:
            entry: what to write.
            after: number and hash of the entry that it must follow; none: it follows the last one.

        Returns:
            its hash, 64 hex digits.

        Raises:
            IntegrityError: the file is not what was written; nothing is added to it.
            LockLost: another process has added to it since.
            PreconditionError: it cannot be written.
        """
        try:
            with self._opened() as handle:
                self._agree(handle, after)
                linked = chain.link(entry, self._end)
                self._seen = None
                self._cut_torn_end(handle)
                line = chain.line(linked)
                self._write(handle, line)
                if not self._entries:
                    fsync_folder(self.path.parent)
                self._add(linked, line)
                # Inside of the lock: what another process adds after it is not what we have seen.
                self._seen = _look(handle)
        except OSError as err:
            raise PreconditionError(
                f"cannot write {self.path}: {err.strerror}",
                hint="free space in the state folder: morphops does nothing that it cannot record",
            ) from None
        return str(linked["hash"])

    def move_on(self, into: Path, entry: Mapping[str, Any], *, after: Place | None) -> Place:
        """Keep all entries in another file, and begin this one again with one that follows them.

        After the first of the two writes the file is as it was, with a copy beside it; after the
        second it begins with `entry`. Each of them is done whole or not at all.

        Args:
            into: the other file.
            entry: what to begin with.
            after: see `append`.

        Returns:
            number and hash of `entry`.

        Raises:
            IntegrityError, LockLost: see `append`; nothing was written.
            PreconditionError: one of the two cannot be written; the file is as it was.
        """
        try:
            with self._opened() as handle:
                self._agree(handle, after)
                linked = chain.link(entry, self._end)
                write_whole(into, _read_all(handle, 0)[: self._size])
                write_whole(self.path, chain.line(linked))
                self._forget()
        except OSError as err:
            raise unreadable(self.path, err) from None
        return chain.place(linked)

    def _agree(self, handle: int, after: Place | None) -> None:
        """Refuse to write behind an entry that was not the last one when it was decided."""
        self._read(handle)
        if after not in (None, self._end):
            raise self._overtaken()

    @property
    def size(self) -> int:
        """Bytes of the entries that were read or written."""
        return self._size

    @property
    def end(self) -> Place:
        """Number and hash of the last entry that was read or written."""
        return self._end

    def spare(self) -> None:
        """Reserve room, so that an operation can be recorded to its end while the disk fills up.

        Raises:
            PreconditionError: there is not even that much.
        """
        try:
            handle = os.open(self._spare, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, _SPARE)
            finally:
                os.close(handle)
        except OSError as err:
            self._spare.unlink(missing_ok=True)
            raise PreconditionError(
                f"cannot reserve {_SPARE // 1024} KiB beside {self.path}: {err.strerror}",
                state="nothing was changed",
                hint="free space in the state folder: what is begun must be recorded to its end",
            ) from None

    @property
    def _spare(self) -> Path:
        return self.path.with_name(f"{self.path.name}.spare")

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, for one writer at a time; its lock goes with the handle.

        Raises:
            PreconditionError: another process keeps it, for example a writer that was stopped.
        """
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._lock(handle)
                if _is_named(handle, self.path):
                    yield handle
                    return
            finally:
                os.close(handle)

    def _lock(self, handle: int) -> None:
        end = time.monotonic() + PATIENCE
        while not _locked(handle):
            if time.monotonic() >= end:
                raise self._kept(handle)
            time.sleep(_MOMENT)  # the kernel knows no wait for a lock that has a time limit

    def _write(self, handle: int, line: bytes) -> None:
        """Write a line whole or not at all; on a full disk, into the room that was reserved."""
        size = os.fstat(handle).st_size
        while True:
            try:
                _write_all(handle, line)
            except OSError as err:
                os.ftruncate(handle, size)
                if err.errno not in _FULL or not self._give_a_page():
                    raise
            else:
                return

    def _give_a_page(self) -> bool:
        """Free a page of the room that was reserved; False where nothing is left of it.

        One page only, or other writers to this disk take what later entries need.
        """
        try:
            left = self._spare.stat().st_size - _PAGE
            if left < 0:
                return False
            os.truncate(self._spare, left)
        except OSError:
            return False
        return True

    def _broken(self, number: int, why: str) -> IntegrityError:
        return IntegrityError(
            f"{self.path}:{number}: {why}",
            state="nothing after that line can be trusted",
            hint="restore the file from a backup: morphops does not guess from a broken one",
        )

    def _overtaken(self) -> LockLost:
        return LockLost(
            f"the lock was taken away: another process has written to {self.path} since",
            hint="inv status",
        )

    def _kept(self, handle: int) -> PreconditionError:
        pid = _writer(handle)
        who = f"process {pid}" if pid else "another process"
        return PreconditionError(
            f"cannot write {self.path}: {who} has kept it locked for {PATIENCE:g} s, and may hang",
            state="nothing was added to it",
            hint=f"ps {pid}; kill -CONT {pid}, or kill -KILL {pid}; then the same command again"
            if pid
            else f"fuser {self.path}; end that process; then the same command again",
        )

    def _cut_torn_end(self, handle: int) -> None:
        """Remove a last line that a crash tore, so that ours begins a line.

        Raises:
            LockLost: a whole line stands there, so another process wrote without the file's lock.
        """
        behind = _read_all(handle, self._size)
        *lines, _torn = behind.split(b"\n")
        if any(b"\0" not in line for line in lines):
            raise self._overtaken()
        if behind:
            os.ftruncate(handle, self._size)


def _look(handle: int) -> _Look:
    """What changes when anybody writes to a file: its inode, size and time."""
    stat = os.fstat(handle)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _is_named(handle: int, path: Path) -> bool:
    """Whether a path still names this file: while we waited, it may have been replaced."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))


def _read_all(handle: int, start: int = 0) -> bytes:
    parts: list[bytes] = []
    while part := os.pread(handle, _CHUNK, start):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _writer(handle: int) -> int:
    """The process that has the lock of a file, as the kernel says (proc_locks(5)); 0: unknown."""
    stat = os.fstat(handle)
    file = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    with suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5:6] == [file]:
                return int(words[4])
    return 0


def _write_all(handle: int, left: bytes) -> None:
    while left:  # a disk that fills up takes a part, and refuses the next
        left = left[os.write(handle, left) :]
    os.fsync(handle)
