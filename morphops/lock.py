"""The lock: one operation at a time on a project, wherever its operators sit.

It is held on the place that is operated, dies with its holder, and says who that is.
"""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from morphops.errors import LockHeld
from morphops.history import now, sound, user
from morphops.journal import Record
from morphops.model import digest_of

RESUME, ABORT = "deploy --resume", "deploy --abort"  # as `what`: on with what was cut off
INSIDE = "MORPHOPS_LOCK"  # in the environment of what an operation starts: the token of its lock


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

    @classmethod
    def me(cls, what: str, reason: str = "") -> Holder:
        """This process, from now on; its texts as a place can give them back."""
        return cls(
            token=secrets.token_hex(16),
            what=sound(what),
            reason=sound(reason),
            user=sound(user()),
            host=sound(socket.gethostname()),
            pid=os.getpid(),
            since=now(),
        )

    def is_same(self, other: Holder | None) -> bool:
        """Whether the other is this very holding; what a place makes of texts does not matter."""
        return other is not None and other.token == self.token

    @property
    def mark(self) -> str:
        """What the history has of the token, which itself lets one in."""
        return digest_of(self.token.encode())

    def is_at(self, record: Record) -> bool:
        """Whether it is this holder's own work, for an operation without an end.

        So it is where it was begun under this lock, and where it is taken up again: there is never
        more than one that was cut off. Whoever else has the lock does something beside it.
        """
        return self.what in (RESUME, ABORT) or record.lock == self.mark

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"{self.what}{why}, by {self.user} on {self.host} (pid {self.pid}), since {self.since}"
        )


class Held(Protocol):
    """A lock while it is held."""

    holder: Holder

    def alive(self, *, sure: bool = True) -> bool:
        """Whether it is held still. An engine that was restarted has let it go.

        Args:
            sure: ask the engine. Without this it is held for as long as what holds it here has not
                noticed otherwise, and that is soon.
        """

    def again(self) -> None:
        """Take it once more, at once.

        Raises:
            LockHeld: somebody else was faster.
        """


class Lock(Protocol):
    """The locks of a place. Every method may raise EngineUnavailable or EngineCallFailed."""

    def hold(
        self, project: str, holder: Holder, wait: float = 0, inside: str = ""
    ) -> AbstractContextManager[Held]:
        """Take it, and let it go at the end of the block.

        Args:
            project: whose.
            holder: who takes it.
            wait: seconds to wait for somebody else to let it go.
            inside: token of the operation that this process was started by, if any.

        Raises:
            LockHeld: by whom, since when, and why.
        """

    def holder(self, project: str) -> Holder | None:
        """Who holds it; None where nobody does."""

    def wrest(self, project: str, holder: Holder) -> None:
        """Take it from that holder, who does not have it any more afterwards."""


def refusal(holder: Holder | None, inside: str = "", waited: float = 0) -> LockHeld:
    """What somebody is told who cannot have the lock.

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
