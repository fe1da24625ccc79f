"""What the tasks of the group `history` come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.history.operations import Record
from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Result):
    """What was done here.

    Attributes:
        state: `ok`.
        exit: 0.
        state_folder: its path.
        operations: oldest first.
    """

    state: Literal["ok"] = "ok"
    state_folder: str
    operations: tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineHead:
    """What the engine remembers of the history.

    Attributes:
        entries: how many it has seen.
        release: the release of record.
        operation: number of an incomplete operation; 0: none.
        step: where that operation is.
    """

    entries: int
    release: str
    operation: int
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption(Result):
    """The history that counts from now on.

    Attributes:
        state: `adopted`, or `as known`: the engine knows of this history already.
        exit: 0.
        changed: whether anything was adopted.
        why: why the history here did not count before.
        release: the release that is proven to run; empty: none.
        values: where its values come from.
        set_aside: where the old file is kept; empty: it is in its place.
        engine: what the engine remembered before.
    """

    state: Literal["adopted", "as known"]
    changed: bool
    why: str
    release: str
    values: str
    set_aside: str
    engine: EngineHead
