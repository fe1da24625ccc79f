"""What a webhook is sent, and the progress that `--events` writes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.bundle.moments import Ending
from morphops.core.results.base import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage(Document):
    """What a webhook is sent.

    Attributes:
        text: all of it in one line, for chats that show just that.
        project: the stack's name on the engine.
        moment: `after-deploy`, `after-rollback`, or `on-failure` (of either).
        operation: its number in the history.
        kind: `deploy` or `rollback`.
        release: the release that was to run.
        previous: the release of record before; empty: none.
        outcome: `deployed`; on failure `rolled back`, `failed` (call a person), or `refused`
            (nothing was touched).
        error: why, in one line; empty where it worked.
        reason: why it was begun.
        user: by whom.
        host: on which machine.
        began: when.
        ended: when.
        evidence: the folder on that host that holds what the failed release left; empty: none.
    """

    text: str
    project: str
    moment: Ending
    operation: int
    kind: str
    release: str
    previous: str
    outcome: str
    error: str
    reason: str
    user: str
    host: str
    began: str
    ended: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Document):
    """One line of progress.

    Attributes:
        event: `step`: a step begins. `waiting`: for what. `note`: something to watch. `undo`: a
            step failed, and the automatic rollback begins. `result`: the last line.
        at: when.
        text: in words; of a `result` its state, of a failure what failed.
        number: of the step, from 1; 0 for other events.
        total: how many steps there are; 0 for other events.
        exit: the exit code, of a `result`; 0 for other events.
        error: the name of the error, of a `result` or an `undo`; empty: none.
        next: what to type next, after a failure.
    """

    event: Literal["step", "waiting", "note", "undo", "result"]
    at: str
    text: str
    number: int = 0
    total: int = 0
    exit: int = 0
    error: str = ""
    next: str = ""
