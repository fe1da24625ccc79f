"""The history as a chain of files: sealed segments, and the one that is written.

- `history.jsonl`: the open segment; it begins with a checkpoint where something is sealed
- `history/<number>.jsonl`: a sealed segment, named by its first entry's number; never written again

The hash in a checkpoint names the last line of the segment before it, and each line names the one
before. So what is sealed can be verified from the start, or from its end as far back as is asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from morphops.adapters.store.files import unreadable
from morphops.adapters.store.hash_chain import HashChain
from morphops.core import chain
from morphops.core.chain import START, Place
from morphops.core.history import checkpoint
from morphops.core.history.checkpoint import Segment
from morphops.core.history.operations import Past
from morphops.errors import IntegrityError

ENOUGH = 128 * 1024  # bytes of a segment that is sealed before the next operation begins
_NAME = re.compile(r"\d{8,}\.jsonl")
_CHUNK = 64 * 1024

Entry = dict[str, Any]


class Segments:
    """All files of one history.

    Args:
        path: of the open segment; the sealed ones lie in the folder of that name beside it.
    """

    def __init__(self, path: Path) -> None:
        self.open = HashChain(path, _follows)
        self.folder = path.with_suffix("") if path.suffix else path.with_name(f"{path.name}.sealed")
        self._entries: tuple[Entry, ...] = ()
        self._segment = Segment()

    def entries(self) -> tuple[Entry, ...]:
        """The entries of the open segment, oldest first.

        Raises:
            IntegrityError: naming the first line that is not what was written.
            PreconditionError: the file cannot be read.
        """
        try:
            entries = self.open.entries()
        except IntegrityError as err:
            raise err.with_(hint=_RESTORE) from None
        if not entries and (sealed := self._sealed()):
            raise _broken(self.open.path, 1, f"is missing: {sealed[-1]} comes before it")
        return entries

    def past(self) -> Past:
        """The history from the last checkpoint on; entries that were taken are not taken again.

        Raises:
            IntegrityError, PreconditionError: see `entries`.
        """
        entries, known = self.entries(), self._entries
        if entries[: len(known)] != known:
            known, self._segment = (), Segment()
        for number, entry in enumerate(entries[len(known) :], start=len(known) + 1):
            try:
                self._segment.take(entry)
            except (ValueError, KeyError, TypeError):
                self._entries, self._segment = (), Segment()
                raise not_ours(self.open.path, number) from None
        self._entries = entries
        return self._segment.past

    def back(self) -> Iterator[Entry]:
        """Every entry, the newest first, each verified by the one after it.

        Raises:
            IntegrityError: naming the file and the entry that is not what was written.
            PreconditionError: a file cannot be read.
        """
        self.past()
        yield from reversed(self._entries)
        first = self._entries[0] if self._entries else {}
        while checkpoint.is_one(first):
            for entry in self._back_from(first):
                first = entry
                yield entry

    def forward(self) -> Iterator[tuple[Path, int, Entry]]:
        """Every entry, the oldest first, with its file and the number of its line.

        Only one entry of what is sealed is held at a time.

        Raises:
            IntegrityError, PreconditionError: see `back`.
        """
        entries = self.entries()
        start = entries[0]["seq"] if entries else 1
        end: Place = (0, START)
        for path in self._sealed():
            if int(path.stem) >= start:
                break  # a copy that was made while the sealing of it was interrupted
            for number, entry in enumerate(self._lines(path), start=1):
                if not chain.follows(entry, end):
                    raise _broken(path, number, f"is not what followed entry {end[0]}")
                end = chain.place(entry)
                yield path, number, entry
        if entries and not chain.follows(entries[0], end):
            raise _broken(self.open.path, 1, f"is not what followed entry {end[0]}")
        for number, entry in enumerate(entries, start=1):
            yield self.open.path, number, entry

    def prove_checkpoint(self) -> None:
        """Compute from the last sealed segment what the last checkpoint has to say.

        Raises:
            IntegrityError: it says something else.
            PreconditionError: a file cannot be read.
        """
        first = self.entries()[0]
        sealed = reversed(list(self._back_from(first)))
        path = self._path(checkpoint.first_of_segment(first))
        try:
            past = checkpoint.past(sealed)
        except (ValueError, KeyError, TypeError):
            raise not_ours(path, 1) from None
        if checkpoint.standing(first) != checkpoint.stands(past):
            raise _broken(self.open.path, 1, f"does not follow from {path}")

    def seal(self, at: str, after: Place | None) -> Place:
        """Seal the open segment, and begin a new one with the checkpoint that follows.

        Args:
            at: when; UTC, ISO 8601.
            after: the entry that must be the last one.

        Returns:
            number and hash of the checkpoint.

        Raises:
            LockLost: it is not.
            IntegrityError: the file is not what was written.
            PreconditionError: it cannot be done now; the history is as it was.
        """
        past, entries = self.past(), self.entries()
        first = entries[0]["seq"]
        entry = checkpoint.make(past, first, at)
        into = self._path(first)
        self._clear(into)
        return self.open.move_on(into, entry, after=after)

    def set_aside(self, suffix: str) -> tuple[Path, ...]:
        """Rename all files, so that the next entry is the first of a new history.

        Returns:
            their new paths, the open segment's first where there is one.
        """
        there = (path for path in (self.open.path, self.folder) if path.exists())
        return tuple(path.rename(path.with_name(f"{path.name}.{suffix}")) for path in there)

    def _clear(self, into: Path) -> None:
        """Keep a sealed segment that does not belong to this history, where one is in the way.

        So it is where an old `history.jsonl` was put back beside newer segments.
        """
        if into.exists() and not self.open.path.read_bytes().startswith(into.read_bytes()):
            stamp = int(into.stat().st_mtime)
            into.rename(into.with_name(f"{into.name}.other-{stamp}"))

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:08d}.jsonl"

    def _sealed(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: int(path.stem))

    def _back_from(self, first: Mapping[str, Any]) -> Iterator[Entry]:
        """The entries of the segment that a checkpoint ended, the newest first."""
        begin = checkpoint.first_of_segment(first)
        path = self._path(begin)
        after = first
        for text in self._texts_back(path):
            entry = chain.parse(text)
            number = after["seq"] - begin
            if entry is None or not chain.follows(after, chain.place(entry)) or number < 1:
                raise _broken(path, max(number, 1), "was changed after it was written")
            after = entry
            yield entry
        if after["seq"] != begin or not (checkpoint.is_one(after) or begin == 1):
            raise _broken(path, 1, "does not begin where it has to")

    def _lines(self, path: Path) -> Iterator[Entry]:
        try:
            with path.open("rb") as file:
                for number, text in enumerate(file, start=1):
                    entry = chain.parse(text.removesuffix(b"\n"))
                    if entry is None:
                        raise _broken(path, number, "was changed after it was written")
                    yield entry
        except OSError as err:
            raise unreadable(path, err) from None

    def _texts_back(self, path: Path) -> Iterator[bytes]:
        """The lines of a file, the last one first."""
        try:
            with path.open("rb") as file:
                place, left = file.seek(0, os.SEEK_END), b""
                while place:
                    size = min(_CHUNK, place)
                    place -= size
                    file.seek(place)
                    left, *lines = (file.read(size) + left).split(b"\n")
                    yield from reversed([line for line in lines if line])
                if left:
                    yield left
        except FileNotFoundError:
            raise _broken(path, 1, "is missing") from None
        except OSError as err:
            raise unreadable(path, err) from None


def _follows(entry: Mapping[str, Any]) -> Place:
    """What the first entry of the open segment follows: nothing, or what was sealed."""
    if checkpoint.is_one(entry) and entry["seq"] > 1:
        return entry["seq"] - 1, entry["prev"]
    return 0, START


def not_ours(path: Path, number: int) -> IntegrityError:
    """What to say of a line that is no entry of a history."""
    return _broken(path, number, "is not an entry of the history")


def _broken(path: Path, number: int, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path}:{number}: {why}", state="nothing after that line can be trusted", hint=_RESTORE
    )


_RESTORE = "restore the file from a backup; or inv history.adopt --reason=…"
