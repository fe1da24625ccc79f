"""What the tasks of the group `lock` come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.lock import Holder
from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """Who holds the lock.

    Attributes:
        what: the operation (`deploy 1234567890ab`).
        reason: why, as it was given.
        user: who.
        host: on which machine.
        pid: in which process there.
        since: when the lock was taken, by the holder's clock.
    """

    what: str
    reason: str
    user: str
    host: str
    pid: int
    since: str


def of_holder(holder: Holder) -> LockHolder:
    """Return the holder without its token, which is a credential."""
    return LockHolder(
        what=holder.what,
        reason=holder.reason,
        user=holder.user,
        host=holder.host,
        pid=holder.pid,
        since=holder.since,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentStep:
    """The operation that the engine knows of.

    Attributes:
        operation: its number in the history.
        step: where it is.
    """

    operation: int
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockStatus(Result):
    """Who holds the lock.

    Attributes:
        state: `held` or `free`.
        exit: 0.
        project: the stack's name on the engine.
        holder: who holds it; null: it is free.
        under_way: the operation that the engine knows of; null: none.
    """

    state: Literal["held", "free"]
    project: str
    holder: LockHolder | None
    under_way: CurrentStep | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockBroken(Result):
    """A lock that is free now.

    Attributes:
        state: `free`.
        exit: 0.
        project: the stack's name on the engine.
        changed: false where it was free before.
        holder: from whom it was taken; null: it was free before.
        cut_off: number of the operation that is incomplete now; 0: none.
    """

    state: Literal["free"] = "free"
    project: str
    changed: bool
    holder: LockHolder | None = None
    cut_off: int = 0
