"""What to do after an operation that never came to its end. Pure.

Whatever killed it, the history says what it was about: its intent and each step were on the disk
before they were done. It can be finished or undone; until then nothing else may change what runs.
"""

from __future__ import annotations

from morphops.core.history import operations
from morphops.core.history.operations import Known, Record
from morphops.core.release.digest import short
from morphops.errors import PreconditionError

NEXT = "inv resume   (finish it), or inv abort   (go back)"


def refuse(known: Known) -> None:
    """Refuse to begin anything else while an operation is incomplete.

    Raises:
        PreconditionError: one is; with the commands that end it.
    """
    record = operations.incomplete_operation(known)
    if record is not None:
        raise PreconditionError(
            f"{describe(record)}; it has to be finished or undone first",
            state="this command changed nothing",
            hint=NEXT,
        )


def describe(record: Record) -> str:
    """What was under way, and how far it came."""
    what = f"{record.kind} of {short(record.release)}" if record.release else record.kind
    reached = f"at: {record.steps[-1].step}" if record.steps else "before its first step"
    who = f"operation {record.id}, by {record.user}, {record.began}"
    return f"{what} ({who}) is incomplete, {reached}"
