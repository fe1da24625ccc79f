"""What the tasks of the group `audit` come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry of the history.

    Attributes:
        seq: its number in the file, from 1.
        operation: number of the operation that it belongs to; 0: a checkpoint.
        at: when it was written; empty where the entry does not say.
        entry: its kind: `begin`, `step`, `end` …
        says: what else it holds, by name.
        hash: of the entry and of all before it.
    """

    seq: int
    operation: int
    at: str
    entry: str
    says: Mapping[str, object]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrail(Result):
    """The entries of the history.

    Attributes:
        state: `ok`.
        exit: 0.
        entries: oldest first.
    """

    state: Literal["ok"] = "ok"
    entries: tuple[AuditEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditProof(Result):
    """A history whose hashes hold.

    Attributes:
        state: `ok`.
        exit: 0.
        file: path of the history.
        entries: how many it has.
        operations: how many it tells of.
        head: the last hash; empty: there is no entry.
        engine: `agrees`, or `not asked`: no engine answers, or an operation writes the history now.
        cut_off: number of the incomplete operation; 0: none.
    """

    state: Literal["ok"] = "ok"
    file: str
    entries: int
    operations: int
    head: str
    engine: Literal["agrees", "not asked"]
    cut_off: int
