"""Use cases around approvals: record that an invariant may be broken, take that back, list them.

An approval covers the invariant, not one release. It is an operation of the history like any other,
so it says who, when and why, and the hash chain covers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Literal

from morphops.adapters import actor
from morphops.core.bundle.schema import Invariant
from morphops.core.history import operations, recovery
from morphops.core.history.operations import Approved, Record
from morphops.core.results.approval import Approval, ApprovalList, InvariantRow
from morphops.errors import InputError, MorphopsError
from morphops.operations.pipeline import prepare
from morphops.operations.pipeline.session import Session, demand_reason, exclusive
from morphops.site import Site

_DAY = len("2030-12-31")


def grant(site: Site, name: str, *, reason: str, until: str = "", wait: float = 0) -> Approval:
    """Record that an invariant may be broken from now on.

    Args:
        site: where.
        name: of the invariant.
        reason: why, for the history; must be given.
        until: when that ends: a day (its end, UTC), or a time with its zone; empty for never.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: there is no such invariant, no reason, or no such time to come.
        PreconditionError: an operation is incomplete.
    """
    return _change(site, name, "approve", reason=reason, until=until, wait=wait)


def revoke(site: Site, name: str, *, reason: str, wait: float = 0) -> Approval:
    """Record that an invariant must hold again. What runs is not touched: `verify` tells.

    The name may also be that of an approval whose invariant is no longer in the bundle. For
    arguments and errors see `grant`.
    """
    return _change(site, name, "revoke", reason=reason, wait=wait)


def _change(
    site: Site,
    name: str,
    kind: Literal["approve", "revoke"],
    *,
    reason: str,
    wait: float,
    until: str = "",
) -> Approval:
    approve = kind == "approve"
    known = _known(site)
    given = () if approve else operations.given_approvals(site.history.past())
    if name not in known and name not in given:
        there = ", ".join(known) or "none"
        raise InputError(
            f"there is no invariant {name!r} (there are: {there})",
            state="nothing was changed",
            hint="inv approval.list",
        )
    end = _end(until)
    task = "approval.grant" if approve else "approval.revoke"
    demand_reason(reason, f"{task} {name}")
    with exclusive(site, task, reason=reason, wait=wait) as session:
        standing = _standing(session).get(name)
        changed = standing is None or standing.until != end if approve else standing is not None
        subject = Approved(name, end) if approve else name
        operation = _record(session, kind, subject, reason) if changed else 0
    state: Literal["approved", "not approved"] = "approved" if approve else "not approved"
    return Approval(state=state, name=name, operation=operation, changed=changed, until=end)


def _end(until: str) -> str:
    """A time to come as the history writes it; empty for none.

    Raises:
        InputError: it is not a time, or is over.
    """
    if not until:
        return ""
    try:
        day = date.fromisoformat(until) if len(until) == _DAY else None
        end = datetime.combine(day, time.max, UTC) if day else datetime.fromisoformat(until)
        text = end.astimezone(UTC).isoformat(timespec="seconds") if end.tzinfo else ""
    except (ValueError, OverflowError):
        text = ""
    if not text or text <= actor.now():
        raise InputError(
            f"--until={until}: write a day or a time to come",
            state="nothing was changed",
            hint="--until=2030-12-31   (UTC), or --until=2030-12-31T12:00:00+02:00",
        )
    return text


def show(site: Site) -> ApprovalList:
    """List every invariant, and the approval that stands for it."""
    known = _known(site)
    standing = operations.approvals(site.history.past(), actor.now())
    rows = (
        _row(name, known.get(name), standing.get(name))
        for name in dict.fromkeys((*known, *standing))
    )
    return ApprovalList(project=site.bundle.project, invariants=tuple(rows))


def _row(name: str, invariant: Invariant | None, record: Record | None) -> InvariantRow:
    row = InvariantRow(name=name)
    if invariant is not None:
        row = replace(
            row,
            service=invariant.service,
            forbids=tuple(invariant.forbids),
            why=invariant.why,
        )
    if record is not None:
        row = replace(
            row,
            approved=True,
            by=record.user,
            host=record.host,
            since=record.ended,
            until=record.until,
            reason=record.reason,
            operation=record.id,
        )
    return row


def _standing(session: Session) -> Mapping[str, Record]:
    past = session.history.past()
    recovery.refuse(past)
    return operations.approvals(past, actor.now())


def _record(
    session: Session, kind: Literal["approve", "revoke"], subject: str | Approved, reason: str
) -> int:
    record = session.history.begin(kind, subject=subject, reason=reason)
    session.history.end(record, "recorded")
    return record.id


def _known(site: Site) -> Mapping[str, Invariant]:
    """The invariants of the working tree's bundle, and of the release of record's."""
    known = dict(site.bundle.invariants)
    record = operations.deployment_of_record(site.history.past())
    if record is not None:
        try:
            bundle, _ = prepare.read_bundle(prepare.stored(site, record.release))
        except MorphopsError:
            return known  # it is no longer here
        known |= bundle.invariants
    return known
