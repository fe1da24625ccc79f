"""Lines of a hash chain: each holds the hash of the one before (Haber and Stornetta, 1991). Pure.

A line has one form only, byte for byte, so that what a person reads in it is what a parser reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from morphops.core.release.digest import canonical_json

START = "0" * 64

# Number and hash of an entry; (0, START) before the first.
Place: TypeAlias = tuple[int, str]


def link(entry: Mapping[str, Any], after: Place) -> dict[str, Any]:
    """An entry with its `seq`, `prev` and `hash`.

    Args:
        entry: what it says.
        after: number and hash of the entry that it follows.
    """
    number, previous = after
    linked = {**entry, "seq": number + 1, "prev": previous}
    return {**linked, "hash": _hash(linked)}


def line(entry: Mapping[str, Any]) -> bytes:
    """The one form of a linked entry, with its end of line."""
    return canonical_json(dict(entry)) + b"\n"


def parse(text: bytes) -> dict[str, Any] | None:
    """The entry of a line; None where the line is not what was written.

    Args:
        text: the line, without its end.
    """
    try:
        entry = json.loads(text)
        body = {key: value for key, value in entry.items() if key != "hash"}
        whole = entry["hash"] == _hash(body)
        whole = whole and isinstance(body["seq"], int) and isinstance(body["prev"], str)
        # A parser drops a key that is there twice, so the hash alone does not show it.
        whole = whole and canonical_json(entry) == text
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return dict(entry) if whole else None


def place(entry: Mapping[str, Any]) -> Place:
    """Number and hash of a linked entry."""
    return entry["seq"], entry["hash"]


def follows(entry: Mapping[str, Any], after: Place) -> bool:
    """Whether an entry is the one that comes after this place."""
    return (entry["seq"] - 1, entry["prev"]) == after


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(dict(body))).hexdigest()
