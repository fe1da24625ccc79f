"""The lock: one operation at a time on a project, wherever its operators sit.

It is held on the place that is operated, dies with its holder, and says who that is.
"""

from __future__ import annotations

from dataclasses import dataclass

from morphops.core.history.operations import Record
from morphops.core.release.digest import digest_of
from morphops.errors import LockHeld

RESUME, ABORT = "resume", "abort"  # as `what`: an incomplete operation is taken up


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lock.

    Attributes:
        token: random; tells this holding from every other one.
        what: the operation (`deploy 1234567890ab`).
        reason: why, as it was given.
        user, host, pid: who, and which process where.
        since: UTC, ISO 8601, by the holder's clock.
    """

    token: str
    what: str
    reason: str
    user: str
    host: str
    pid: int
    since: str

    def is_same(self, other: Holder | None) -> bool:
        """Whether the other is this very holding; what a place makes of texts does not matter."""
        return other is not None and other.token == self.token

    @property
    def token_digest(self) -> str:
        """What the history has of the token, which itself lets one in."""
        return digest_of(self.token.encode())

    def owns(self, record: Record) -> bool:
        """Whether it is this holder's own work, for an operation without an end.

        So it is where it was begun under this lock, and where it is taken up again: there is never
        more than one incomplete operation. Another holder does something beside it.
        """
        return self.what in (RESUME, ABORT) or record.lock == self.token_digest

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"{self.what}{why}, by {self.user} on {self.host} (pid {self.pid}), since {self.since}"
        )


def refusal(holder: Holder | None, inside: str = "", waited: float = 0) -> LockHeld:
    """The error for an operator who cannot have the lock.

    Args:
        holder: who has it; None for one who only just begins.
        inside: see `Lock.hold`.
        waited: seconds that were waited for it.
    """
    if holder and inside and holder.token == inside:
        return LockHeld(
            f"this command was started by the operation that holds the lock: {holder}",
            state="this command changed nothing",
            hint="a hook may look (inv status), and leaves changes to the operation around it",
        )
    after = f" (waited {waited:g} s)" if waited else ""
    return LockHeld(
        f"another operation is under way{after}: {holder or 'it has only just begun'}",
        state="this command changed nothing",
        hint="inv status; wait for it with --wait-lock=SECONDS; "
        "if it hangs: inv lock.break --reason=…",
    )
