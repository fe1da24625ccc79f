"""The entry with which a segment of the history goes on where the one before it was sealed. Pure.

It stands in the chain like any other entry, belongs to no operation, and says what follows from
all operations before it. All of it can be computed from them again, which is how it is proved.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from morphops.core.history import jobs, operations
from morphops.core.history.jobs import JobRun
from morphops.core.history.operations import Past, Record, Standing, apply_entry

KIND = "checkpoint"
NO_OPERATION = 0  # the number that a checkpoint has in the place of an operation's


def make(past: Past, first: int, at: str) -> dict[str, Any]:
    """The entry that follows a history in which nothing is incomplete.

    Args:
        past: the history.
        first: number of the first entry of the segment that ends here.
        at: when; UTC, ISO 8601.
    """
    standing = dataclasses.asdict(stands(past))
    return {"entry": KIND, "id": NO_OPERATION, "at": at, "first": first, "standing": standing}


def stands(past: Past) -> Standing:
    """What follows from a history in which nothing is incomplete."""
    begun, stop = operations.last_begun(past), operations.stop_of_record(past)
    abandoned = operations.abandoned_deploy(past)
    return Standing(
        last=operations.next_id(past) - 1,
        stack=tuple(map(_short, operations.deployment_stack(past))),
        approvals=tuple(map(_short, operations.given_approvals(past).values())),
        abandoned=_short(abandoned) if abandoned else None,
        begun=_short(begun) if begun else None,
        stop=_short(stop) if stop else None,
        jobs=jobs.runs(past),
    )


def is_one(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is a checkpoint."""
    return entry.get("entry") == KIND


def first_of_segment(entry: Mapping[str, Any]) -> int:
    """The number of the first entry of the segment that a checkpoint ended."""
    return int(entry["first"])


def standing(entry: Mapping[str, Any]) -> Standing:
    """What a checkpoint says.

    Raises:
        ValueError, KeyError, TypeError: it is not an entry of ours.
    """
    if entry["id"] != NO_OPERATION or not 0 < entry["first"] < entry["seq"]:
        raise ValueError("a checkpoint ends a segment, and no operation")
    said = entry["standing"]
    names = {field.name for field in dataclasses.fields(Standing)}
    # Those of earlier versions know of no job.
    if not isinstance(said, dict) or {*said, "jobs"} != names:
        raise ValueError("a checkpoint says this, and nothing else")
    return Standing(
        last=int(said["last"]),
        stack=tuple(map(_record, said["stack"])),
        approvals=tuple(map(_record, said["approvals"])),
        abandoned=_record_or_none(said["abandoned"]),
        begun=_record_or_none(said["begun"]),
        stop=_record_or_none(said["stop"]),
        jobs=tuple(JobRun(**run) for run in said.get("jobs", ())),
    )


def past(entries: Iterable[Mapping[str, Any]]) -> Past:
    """The history of a segment: of entries of which the first may be a checkpoint.

    Raises:
        ValueError, KeyError, TypeError: one is not an entry of ours.
    """
    segment = Segment()
    for entry in entries:
        segment.take(entry)
    return segment.past


class Segment:
    """The operations of one segment, entry by entry.

    Args:
        before: what follows from what lies before it.
    """

    def __init__(self, before: Standing = Standing()) -> None:  # noqa: B008 - a frozen value
        self._before = before
        self._records: dict[int, Record] = {}
        self.entries = 0

    @property
    def past(self) -> Past:
        """The history, as far as it was taken."""
        return Past(tuple(self._records.values()), self._before)

    def take(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry; the first may be a checkpoint.

        Raises:
            ValueError, KeyError, TypeError: it is not an entry of ours.
        """
        if is_one(entry) and not self.entries:
            self._before = standing(entry)
        elif entry["entry"] == "begin" and entry["id"] <= self._before.last:
            raise ValueError("not the number of a new operation")
        else:
            apply_entry(self._records, entry)
        self.entries += 1


class Replay:
    """A whole history, entry by entry, of which only what still counts is kept.

    Attributes:
        operations: how many there were so far.
    """

    def __init__(self) -> None:
        self.operations = 0
        self._segment = Segment()

    @property
    def past(self) -> Past:
        """The history, as far as it was taken."""
        return self._segment.past

    def take(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry.

        Raises:
            ValueError, KeyError, TypeError: it is not an entry of ours, or a checkpoint that says
                something else than what follows from the entries before it.
        """
        if is_one(entry):
            if operations.incomplete_operation(self.past) or standing(entry) != stands(self.past):
                raise ValueError("a checkpoint that does not follow")
            self._segment = Segment()
        elif entry["entry"] == "begin":
            self.operations += 1
            if operations.incomplete_operation(self.past) is None:
                self._segment = Segment(stands(self.past))
        self._segment.take(entry)


def _short(record: Record) -> Record:
    return dataclasses.replace(record, steps=()) if record.steps else record


def _record(said: Mapping[str, Any]) -> Record:
    if said["steps"]:
        raise ValueError("a checkpoint has no steps")
    texts = {name: tuple(map(str, said[name])) for name in ("variables", "resumed")}
    return Record(**{**said, "steps": (), **texts})


def _record_or_none(said: Mapping[str, Any] | None) -> Record | None:
    return None if said is None else _record(said)
