"""Rows that are drawn afresh for each operation, and such that do not exist. Pure.

A seed decides the draw: `<operation>-<hex>`. The rows stand in a random order, the same each time.
The first half of it is given out in slices, one for each operation: so those rows were never asked
before, until all were. The rest is drawn from the second half, by the whole seed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

_SEED = re.compile(r"([0-9]{1,9})-[0-9a-f]{4,64}")
_MADE_UP = re.compile(r"\{hex([0-9]{1,3})\}")
_FEWEST_BYTES = 8  # with fewer, a row that is made up may exist
_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Rows that are made up, and asked whatever `when` says.

    Attributes:
        count: how many.
        row: key → text; in it `{hexN}` is N random bytes in hex.
    """

    count: int
    row: Mapping[str, str]

    def findings(self) -> list[str]:
        """What is wrong with it."""
        sizes = [int(n) for text in self.row.values() for n in _MADE_UP.findall(text)]
        few = f"absent/row: write {{hexN}} with {_FEWEST_BYTES} bytes or more, or it may exist"
        return [
            *(["absent/count: write 1 or more"] if self.count < 1 else []),
            *([] if sizes and min(sizes) >= _FEWEST_BYTES else [few]),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows of a JSON Lines file beside a document.

    Attributes:
        file: JMESPath → the file's name, relative to the document's folder.
        draw: how many rows are drawn; all of them where there are no more.
        absent: rows that are made up as well.
    """

    file: str
    draw: int = 50
    absent: Absent | None = None

    def findings(self) -> list[str]:
        """What is wrong with it, each `key: what`."""
        few = ["draw: write 1 or more"] if self.draw < 1 else []
        return few + (self.absent.findings() if self.absent else [])


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a seed has drawn.

    Attributes:
        seed: it.
        count: how many rows there are.
        rows: those that were drawn.
        fresh: how many of them no operation asked before.
        absent: those that are made up.
    """

    seed: str = ""
    count: int = 0
    rows: tuple[Any, ...] = ()
    fresh: int = 0
    absent: tuple[Mapping[str, str], ...] = field(default=())

    def __str__(self) -> str:
        return (
            f"{len(self.rows)} of {self.count} rows, {self.fresh} of them never asked before, "
            f"{len(self.absent)} that do not exist, drawn by --seed={self.seed}"
        )


def is_seed(text: str) -> bool:
    """Whether a text is a seed."""
    return bool(_SEED.fullmatch(text))


def positions(seed: str, count: int, draw: int) -> tuple[tuple[int, ...], int]:
    """Which rows are drawn, sorted, and how many of them no operation asked before.

    Args:
        seed: `<operation>-<hex>`; operation 0 is none, and takes no slice.
        count: how many rows there are.
        draw: how many are drawn.
    """
    if count <= draw:
        return tuple(range(count)), 0
    operation = int(seed.partition("-")[0])
    half = count // 2
    slice_ = draw // 2 if operation else 0
    begin = (operation - 1) * slice_
    places = {(begin + number) % half for number in range(slice_)}
    wanted = min(draw - slice_, count - half)
    places |= set(_distinct(seed, half, count, wanted))
    fresh = slice_ if begin + slice_ <= half else 0
    return tuple(sorted(_shuffled(place, count) for place in places)), fresh


def made_up(seed: str, absent: Absent) -> tuple[Mapping[str, str], ...]:
    """The rows that do not exist."""
    return tuple(
        {
            key: _MADE_UP.sub(
                lambda found, key=key, n=number: _hex(f"{seed}/{n}/{key}", int(found[1])),  # type: ignore[misc]
                text,
            )
            for key, text in absent.row.items()
        }
        for number in range(absent.count)
    )


def _distinct(seed: str, begin: int, end: int, wanted: int) -> Iterator[int]:
    """So many different numbers of a range, by a seed."""
    seen: set[int] = set()
    number = 0
    while len(seen) < wanted:
        place = begin + _number(f"{seed}/{number}") % (end - begin)
        number += 1
        if place not in seen:
            seen.add(place)
            yield place


def _shuffled(place: int, count: int) -> int:
    """The number of the row at a place of the random order.

    A Feistel network on the least even number of bits that holds every place. It is applied again
    until the result is a place (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
    """
    bits = max(1, ((count - 1).bit_length() + 1) // 2)
    mask = (1 << bits) - 1
    while True:
        left, right = place >> bits, place & mask
        for turn in range(_ROUNDS):
            left, right = right, left ^ (_number(f"{count}/{turn}/{right}") & mask)
        place = left << bits | right
        if place < count:
            return place


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest())


def _hex(text: str, size: int) -> str:
    parts = (sha256(f"{text}/{n}".encode()).hexdigest() for n in range(size // 32 + 1))
    return "".join(parts)[: 2 * size]
