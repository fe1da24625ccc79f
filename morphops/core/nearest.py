"""The name that was probably meant by one that does not exist. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Returns the known name that looks most like a name; empty if none looks like it.

    Args:
        name: as it was written.
        known: names that exist.
        cutoff: how alike they must be, from 0 to 1 (`difflib.SequenceMatcher.ratio`).
    """
    return next(iter(get_close_matches(name, list(known), 1, cutoff)), "")


def did_you_mean(name: str, known: Iterable[str], otherwise: str, cutoff: float = 0.6) -> str:
    """Returns `did you mean NAME?`, or another advice if no known name looks like it.

    Args:
        name, known, cutoff: see `nearest`.
        otherwise: the advice without a near name.
    """
    near = nearest(name, known, cutoff)
    return f"did you mean {near}?" if near else otherwise
