"""An append-only file of JSON lines, each of which holds the hash of the one before.

So an entry that was edited, dropped, inserted or moved is found, and named (a hash chain; Haber and
Stornetta, 1991). What a chain alone cannot show is that its end was cut off: for that somebody else
must remember the last hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from morphops.errors import IntegrityError, PreconditionError
from morphops.model import canonical_json
from morphops.state import fsync_folder

START = "0" * 64


class Chain:
    """One file.

    Args:
        path: made by the first entry, mode 0600; its folder must be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> tuple[dict[str, Any], ...]:
        """Every entry with its `seq`, `prev` and `hash`; empty where there is no file.

        A last line without its end was torn by a crash while it was written. It announced nothing
        yet, and is no entry.

        Raises:
            IntegrityError: naming the first line that is not what was written.
            PreconditionError: the file cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as err:
            raise PreconditionError(f"cannot read {self.path}: {err.strerror}") from None
        *lines, _torn = data.split(b"\n")
        entries: list[dict[str, Any]] = []
        previous = START
        for number, line in enumerate(lines, start=1):
            entry = self._entry(line, number)
            if entry["seq"] != number or entry["prev"] != previous:
                raise self._broken(number, "is not the line that followed the one above")
            entries.append(entry)
            previous = entry["hash"]
        return tuple(entries)

    def append(self, entry: Mapping[str, Any]) -> str:
        """Write an entry, and return only when it is on the disk.

        Returns:
            its hash, 64 hex digits.

        Raises:
            IntegrityError: the file is not what was written; nothing is added to that.
            PreconditionError: it cannot be written.
        """
        before = self.entries()
        sealed = {
            **entry,
            "seq": len(before) + 1,
            "prev": before[-1]["hash"] if before else START,
        }
        sealed["hash"] = _hash(sealed)
        try:
            self._repair_torn_end()
            handle = os.open(
                self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                left = canonical_json(sealed) + b"\n"
                while left:  # a disk that fills up takes a part, and refuses the next
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            if not before:
                fsync_folder(self.path.parent)
        except OSError as err:
            raise PreconditionError(
                f"cannot write {self.path}: {err.strerror}",
                hint="free space in the state folder; nothing is done that cannot be recorded",
            ) from None
        return str(sealed["hash"])

    def _entry(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            entry = json.loads(line)
            body = {key: value for key, value in entry.items() if key != "hash"}
            whole = entry["hash"] == _hash(body) and {"seq", "prev"} <= body.keys()
        except (ValueError, KeyError, TypeError, AttributeError):
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

    def _repair_torn_end(self) -> None:
        """Cut off a last line that a crash left without its end, so that ours begins a line."""
        if not self.path.exists():
            return
        with self.path.open("r+b") as stream:
            data = stream.read()
            if data and not data.endswith(b"\n"):
                stream.truncate(data.rfind(b"\n") + 1)


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(dict(body))).hexdigest()
