"""The head of the history: what the engine remembers of it, so that another history is found out.

A hash chain alone cannot show that its end was removed, nor that an operator with another
state folder worked on the same engine. So the engine keeps the number and the hash of the last
entry that it was told of, as one who has seen a log keeps its tree head (RFC 9162, 4.10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from morphops.core.history import operations
from morphops.core.history.operations import Record
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
    """The head of a history as it stands: what an engine that knows all of it was told last.

    Args:
        entries: the whole history, verified; not none.
    """
    records = operations.replay(entries)
    last = entries[-1]
    record = next(record for record in records if record.id == last["id"])
    ended = bool(record.outcome)
    step = record.steps[-1].step if record.steps else FIRST
    return Head(
        seq=len(entries),
        hash=last["hash"],
        release=operations.release_of_record(records),
        operation=0 if ended else record.id,
        step="" if ended else step,
    )


def mismatch(entries: Sequence[Mapping[str, Any]], head: Head | None) -> str:
    """Why a history is not the one whose head this is; empty where it is.

    An entry is written first and its head after it, so a crash between the two, or an engine that
    does not answer, leaves entries that the engine was never told of. The next operation tells it
    before anything is added, so only these can be left:

    - a beginning, alone: nothing is done before the engine knows of it. Where it is
      interrupted, the operation takes what runs as it is, or takes the lock away;
    - entries of the operation that the head has under way, the last of them maybe its end: results
      are not told, and an operation that finds the engine away goes back, and ends, anyway;
    - that an incomplete operation is taken up, alone: the head may have been told of other
      operations since, such as that the lock was taken away.

    Args:
        entries: the whole history, verified.
        head: what the engine remembers.
    """
    here = len(entries)
    if head is None or not head.seq:
        if not _explained((), entries, 0):
            return f"the engine knows of no history, and the one here has {here} entries"
        return ""
    if here < head.seq:
        return (
            f"it ends at entry {here}, but the engine was told of {head.seq}"
            f"{_about(head)}: its end was removed, or another state folder was used"
        )
    if entries[head.seq - 1]["hash"] != head.hash:
        return (
            f"its entry {head.seq} is not the one that the engine was told of"
            f"{_about(head)}: another state folder was used"
        )
    tail = entries[head.seq :]
    if _explained(entries[: head.seq], tail, head.operation):
        return ""
    return f"the engine was told of {head.seq} entries and never of the {len(tail)} after them"


def _explained(
    told: Sequence[Mapping[str, Any]], tail: Sequence[Mapping[str, Any]], under_way: int
) -> bool:
    """Whether a crash, or an engine that did not answer, can leave this tail; see `mismatch`."""
    if not tail:
        return True
    records = operations.replay(told)
    first = tail[0]
    if first["entry"] == "begin":
        return len(tail) == 1 and _may_begin(first, records)
    if first["id"] == under_way:
        return all(entry["id"] == under_way for entry in tail)
    open_ = operations.incomplete_operation(records)
    taken_up = first["entry"] == "resume" and open_ is not None and first["id"] == open_.id
    return len(tail) == 1 and taken_up


def _may_begin(begin: Mapping[str, Any], records: Sequence[Record]) -> bool:
    """Whether an operation can have begun after these; see `recovery.refuse`."""
    if begin["id"] != operations.next_id(records):
        return False
    return (
        operations.incomplete_operation(records) is None
        or begin["kind"] in operations.ALLOWED_WHILE_INCOMPLETE
    )


def _about(head: Head) -> str:
    record = f"release of record {short(head.release)}" if head.release else "no release of record"
    at = f", operation {head.operation} at: {head.step}" if head.operation else ""
    return f" ({record}{at})"
