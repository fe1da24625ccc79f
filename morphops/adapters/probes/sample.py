"""Draws rows of a JSON Lines file, which is read in a stream: it may be long."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from morphops.core.bundle.documents import Loaded
from morphops.core.jmespath import search
from morphops.core.probes.sample import Drawn, Sample, made_up, positions

_PART = 1 << 20


def fresh_seed(operation: int = 0) -> str:
    """A seed that cannot be guessed.

    Args:
        operation: its number; 0 for what is none.
    """
    return f"{operation}-{secrets.token_hex(8)}"


def draw(sample: Sample, document: Loaded, seed: str) -> Drawn:
    """Draw the rows that a seed decides.

    Raises:
        ValueError: the document names no file, or the file cannot be read; the text says so.
    """
    seed = seed or fresh_seed()
    name = search(sample.file, document.data)
    if not isinstance(name, str):
        raise ValueError(f"{document.path} names no file of rows; make the data again")
    path = document.path.parent / name
    try:
        about = path.stat()
        count = _count(path, about.st_size, about.st_mtime_ns)
        places, fresh = positions(seed, count, sample.draw)
        rows = _rows(path, about.st_mtime_ns, places)
    except OSError as err:
        raise ValueError(f"{path}: {err.strerror}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{path}: a row is not JSON") from None
    absent = made_up(seed, sample.absent) if sample.absent else ()
    return Drawn(seed, count, rows, fresh, absent)


@lru_cache(maxsize=8)  # a probe looks again and again
def _count(path: Path, size: int, changed: int) -> int:
    """How many lines a file has; the last one may lack its end."""
    del changed
    with path.open("rb") as stream:
        lines = sum(part.count(b"\n") for part in iter(lambda: stream.read(_PART), b""))
        if size:
            stream.seek(-1, os.SEEK_END)
            lines += stream.read(1) != b"\n"
    return lines


@lru_cache(maxsize=8)
def _rows(path: Path, changed: int, places: tuple[int, ...]) -> tuple[Any, ...]:
    del changed
    return tuple(json.loads(line) for line in _lines(path, places))


def _lines(path: Path, places: tuple[int, ...]) -> Iterator[bytes]:
    wanted = set(places)
    with path.open("rb") as stream:
        for number, line in enumerate(stream):
            if number in wanted:
                yield line
            if number >= places[-1]:
                return
