"""An append-only file of JSON lines, each of which holds the hash of the one before.

So an entry that was edited, dropped, inserted or moved is found, and named (a hash chain; Haber and
Stornetta, 1991). A line has one form only, byte for byte, so that what a person reads in it is what
a parser reads. What a chain alone cannot show is that its end was cut off: for that somebody else
must remember the last hash.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from morphops.adapters.store.files import fsync_folder, unreadable
from morphops.core.release.digest import canonical_json
from morphops.errors import IntegrityError, LockLost, PreconditionError

START = "0" * 64
_SPARE = 64 * 1024  # bytes: enough for every entry of an operation and of its way back
_PAGE = 4096
_PATIENCE = 10.0  # seconds, for whoever writes to the file; that takes milliseconds
_MOMENT = 0.02
_FULL = (errno.ENOSPC, errno.EDQUOT)


class HashChain:
    """One file.

    Args:
        path: made by the first entry, mode 0600; its folder must be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Number and hash of the last entry, and what the file looked like when they were read.
        self._end: tuple[int, str] = (0, START)
        self._seen: object = None
        self._size = 0  # bytes up to the end of that entry; what is behind them was torn

    def entries(self) -> tuple[dict[str, Any], ...]:
        """Every entry with its `seq`, `prev` and `hash`; empty where there is no file.

        A last line that a crash tore while it was written is no entry: it announced nothing yet.
        That is one without its end, and one with NUL bytes in it: of several pages a power cut may
        keep the last and lose another.

        Raises:
            IntegrityError: naming the first line that is not what was written.
            PreconditionError: the file cannot be read.
        """
        seen = self._look()
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            self._end, self._seen, self._size = (0, START), None, 0
            return ()
        except OSError as err:
            raise unreadable(self.path, err) from None
        *lines, _torn = data.split(b"\n")
        if lines and b"\0" in lines[-1]:
            lines.pop()
        entries: list[dict[str, Any]] = []
        previous = START
        for number, line in enumerate(lines, start=1):
            entry = self._entry(line, number)
            if entry["seq"] != number or entry["prev"] != previous:
                raise self._broken(number, "is not the line that followed the one above")
            entries.append(entry)
            previous = entry["hash"]
        self._end, self._seen = (len(entries), previous), seen
        self._size = sum(len(line) + 1 for line in lines)
        return tuple(entries)

    def append(self, entry: Mapping[str, Any], *, after: tuple[int, str] | None = None) -> str:
        """Write an entry, and return only when it is on the disk.

        Args:
            entry: what to write.
            after: number and hash of the entry that it must follow; none: of whichever is the last.

        Returns:
            its hash, 64 hex digits.

        Raises:
            IntegrityError: the file is not what was written; nothing is added to that.
            LockLost: somebody else has added to it since.
            PreconditionError: it cannot be written.
        """
        try:
            with self._opened() as handle:
                if self._seen is None or self._look() != self._seen:
                    self.entries()
                last, previous = self._end
                if after not in (None, self._end):
                    raise LockLost(
                        f"the lock was taken away: somebody else has written to {self.path} since",
                        hint="inv status",
                    )
                sealed = {**entry, "seq": last + 1, "prev": previous}
                sealed["hash"] = _hash(sealed)
                self._seen = None
                self._cut_torn_end(handle)
                line = canonical_json(sealed) + b"\n"
                self._write(handle, line)
                if not last:
                    fsync_folder(self.path.parent)
        except OSError as err:
            raise PreconditionError(
                f"cannot write {self.path}: {err.strerror}",
                hint="free space in the state folder; nothing is done that cannot be recorded",
            ) from None
        self._end, self._seen = (last + 1, str(sealed["hash"])), self._look()
        self._size += len(line)
        return str(sealed["hash"])

    @property
    def end(self) -> tuple[int, str]:
        """Number and hash of the last entry that was read or written."""
        return self._end

    def spare(self) -> None:
        """Set room aside, so that what is begun can be recorded to its end on a disk that fills up.

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
                f"cannot set {_SPARE // 1024} KiB aside beside {self.path}: {err.strerror}",
                state="nothing was changed",
                hint="free space in the state folder; nothing is begun that cannot be recorded",
            ) from None

    @property
    def _spare(self) -> Path:
        return self.path.with_name(f"{self.path.name}.spare")

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, for one writer at a time; its lock goes with the handle.

        Raises:
            PreconditionError: somebody else keeps it: a writer that was stopped.
        """
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            end = time.monotonic() + _PATIENCE
            while not _locked(handle):
                if time.monotonic() >= end:
                    raise self._kept(handle)
                time.sleep(_MOMENT)  # the kernel knows no wait for a lock that ends by itself
            yield handle
        finally:
            os.close(handle)

    def _write(self, handle: int, line: bytes) -> None:
        """Write a line whole or not at all, where need be into the room that was set aside."""
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
        """Give up a page of the room that was set aside; False where nothing is left of it.

        No more than that, or whoever else writes to this disk gets what we need for later entries.
        """
        try:
            left = self._spare.stat().st_size - _PAGE
            if left < 0:
                return False
            os.truncate(self._spare, left)
        except OSError:
            return False
        return True

    def _look(self) -> object:
        """What changes when anybody writes to the file; None where there is none."""
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _entry(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            entry = json.loads(line)
            body = {key: value for key, value in entry.items() if key != "hash"}
            whole = entry["hash"] == _hash(body) and {"seq", "prev"} <= body.keys()
            # A key that stands there twice is lost on a parser, and so on the hash.
            whole = whole and canonical_json(entry) == line
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            whole = False
        if not whole:
            raise self._broken(number, "was changed after it was written")
        return dict(entry)

    def _broken(self, number: int, why: str) -> IntegrityError:
        return IntegrityError(
            f"{self.path}:{number}: {why}",
            state="nothing after that line can be trusted",
            hint="restore the file from a backup; nothing is guessed from a broken one",
        )

    def _kept(self, handle: int) -> PreconditionError:
        pid = _writer(handle)
        who = f"process {pid}" if pid else "another process"
        return PreconditionError(
            f"cannot write {self.path}: {who} has been at it for {_PATIENCE:g} s, and may hang",
            state="nothing was added to it",
            hint=f"ps {pid}; kill -CONT {pid}, or kill -KILL {pid}; then the same command again"
            if pid
            else "see who has it open (fuser), and end it; then the same command again",
        )

    def _cut_torn_end(self, handle: int) -> None:
        """Cut off a last line that a crash tore, so that ours begins a line."""
        if os.fstat(handle).st_size > self._size:
            os.ftruncate(handle, self._size)


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


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(dict(body))).hexdigest()
