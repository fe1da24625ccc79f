"""What the tasks of the group `approval` come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(Result):
    """An approval that was granted or revoked.

    Attributes:
        state: `approved` or `not approved`.
        exit: 0.
        name: of the invariant.
        operation: number of the operation that recorded it; 0: it was so before.
        changed: whether it was otherwise before.
        until: when it ends; UTC, empty: it does not end.
    """

    state: Literal["approved", "not approved"]
    name: str
    operation: int
    changed: bool
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantRow:
    """An invariant, and the approval that stands for it.

    Attributes:
        name: of the invariant.
        service: the service whose command line it is about.
        forbids: what must not stand there.
        why: why not.
        approved: whether it may be broken.
        by: who approved it; empty: it is not approved.
        host: from which machine.
        since: when.
        until: when it ends; UTC, empty: it does not end.
        reason: why it may be broken.
        operation: number of the operation that recorded it; 0: none.
    """

    name: str
    service: str = ""
    forbids: tuple[str, ...] = ()
    why: str = ""
    approved: bool = False
    by: str = ""
    host: str = ""
    since: str = ""
    until: str = ""
    reason: str = ""
    operation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalList(Result):
    """The invariants, and the approvals that stand.

    Attributes:
        state: `ok`.
        exit: 0.
        project: the stack's name on the engine.
        invariants: those of the bundle, then others that are approved.
    """

    state: Literal["ok"] = "ok"
    project: str
    invariants: tuple[InvariantRow, ...]
