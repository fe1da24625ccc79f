"""The head of the history: what the engine remembers of it, so that another history is found out.

A hash chain alone cannot show that its end was removed, nor that an operator with another
state folder worked on the same engine. So the engine keeps the number and the hash of the last
entry that it was told of. Monitors of a transparency log keep its tree head in the same way
(RFC 9162, 4.10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from morphops.core.history import checkpoint, operations
from morphops.core.history.operations import Past
from morphops.core.release.digest import short

FIRST = "its first step"  # where an operation is that was only just announced


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What was last said of a history.

    Attributes:
        seq: number of its last entry; 0 where there is none yet.
        hash: that entry's.
        release: digest of the release of record; empty for none.
        operation: the operation under way; 0 for none.
        step: the step that it is at.
        fence: how often its lock was broken; its former holder has no say any more.
    """

    seq: int = 0
    hash: str = ""
    release: str = ""
    operation: int = 0
    step: str = ""
    fence: int = 0


def of(entries: Sequence[Mapping[str, Any]]) -> Head:
    """The head of a history as it stands, for an engine that is told all of it at once.

    An operation that has no end by then is not running: its process is gone. So none is under way,
    and what can come of it next is that it is taken up; see `mismatch`.

    Args:
        entries: the history from its last checkpoint on, verified; not none.
    """
    past, last = checkpoint.past(entries), entries[-1]
    return Head(
        seq=_first(entries) + len(entries) - 1,
        hash=last["hash"],
        release=operations.release_of_record(past),
    )


def mismatch(entries: Sequence[Mapping[str, Any]], head: Head | None) -> str:
    """Why a history is not the one whose head this is; empty where it is.

    An entry is written first and its head after it. A crash between the two, or an engine that
    does not answer, leaves entries that the engine was never told of. The next operation tells it
    before anything is added, so only these can be left:

    - A beginning, alone. Nothing is done before the engine knows of it. Where it is
      interrupted, the operation takes what runs as it is, or takes the lock away.
    - Entries of the operation that the head has under way, the last of them maybe its end. Results
      are not told; and an operation that loses the engine goes back, and ends, anyway.
    - A `resume` entry, alone. The head may have been told of other operations since, such as that
      the lock was taken away.
    - A checkpoint, with such a beginning or without. What it says still has to be proved.

    Args:
        entries: the history from its last checkpoint on, verified.
        head: what the engine remembers.
    """
    first = _first(entries)
    here = first + len(entries) - 1
    if head is None or not head.seq:
        if here and (first > 1 or not _explained(Past(), entries, 0)):
            return f"the engine knows of no history, and the one here has {here} entries"
        return ""
    if here < head.seq:
        return (
            f"it ends at entry {here}, but the engine was told of {head.seq}"
            f"{_about(head)}: its end was removed, or another state folder was used"
        )
    untold = (
        f"the engine was told of {head.seq} entries and never of the {here - head.seq} after them"
    )
    if head.seq < first - 1:
        return untold
    told = head.seq - first + 1  # of these entries
    if (entries[told - 1]["hash"] if told else entries[0]["prev"]) != head.hash:
        return (
            f"its entry {head.seq} is not the one that the engine was told of"
            f"{_about(head)}: another state folder was used"
        )
    under_way = head.operation
    if not told:
        told, under_way = 1, 0  # nothing is sealed while an operation is under way
    if _explained(checkpoint.past(entries[:told]), entries[told:], under_way):
        return ""
    return untold


def knows(entries: Sequence[Mapping[str, Any]], head: Head | None) -> bool:
    """Whether the engine was told of the first of these entries, or of a later one."""
    return head is not None and head.seq >= _first(entries)


def _first(entries: Sequence[Mapping[str, Any]]) -> int:
    """The number of the first entry; more than 1 where it is a checkpoint."""
    return entries[0]["seq"] if entries and checkpoint.is_one(entries[0]) else 1


def _explained(past: Past, tail: Sequence[Mapping[str, Any]], under_way: int) -> bool:
    """Whether a crash, or an engine that did not answer, can leave this tail; see `mismatch`."""
    if not tail:
        return True
    first = tail[0]
    if first["entry"] == "begin":
        return len(tail) == 1 and _may_begin(first, past)
    if first["id"] == under_way:
        return all(entry["id"] == under_way for entry in tail)
    open_ = operations.incomplete_operation(past)
    taken_up = first["entry"] == "resume" and open_ is not None and first["id"] == open_.id
    return len(tail) == 1 and taken_up


def _may_begin(begin: Mapping[str, Any], past: Past) -> bool:
    """Whether an operation can have begun after these; see `recovery.refuse`."""
    if begin["id"] != operations.next_id(past):
        return False
    return (
        operations.incomplete_operation(past) is None
        or begin["kind"] in operations.ALLOWED_WHILE_INCOMPLETE
    )


def _about(head: Head) -> str:
    record = f"release of record {short(head.release)}" if head.release else "no release of record"
    at = f", operation {head.operation} at: {head.step}" if head.operation else ""
    return f" ({record}{at})"
