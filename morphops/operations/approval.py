"""Use cases around approvals: record that an invariant may be broken, take that back, list them.

An approval covers the invariant, not one release. It is an operation of the history like any other,
so it says who, when and why, and the hash chain covers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from morphops.core.bundle.schema import Invariant
from morphops.core.history import operations, recovery
from morphops.errors import InputError, MorphopsError
from morphops.operations.pipeline import prepare
from morphops.operations.pipeline.session import Session, demand_reason, exclusive
from morphops.site import Site


def grant(site: Site, name: str, *, reason: str, wait: float = 0) -> dict[str, Any]:
    """Record that an invariant may be broken from now on.

    Args:
        site: where.
        name: of the invariant.
        reason: why, for the history; must be given.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: there is no such invariant, or no reason.
        PreconditionError: an operation is cut off.
    """
    known = _known(site)
    if name not in known:
        there = ", ".join(known) or "none"
        raise InputError(
            f"there is no invariant {name!r} (there are: {there})",
            state="nothing was changed",
            hint="inv approval.list",
        )
    demand_reason(reason, f"approval.grant {name}")
    with exclusive(site, "approval.grant", reason=reason, wait=wait) as session:
        if name in _approved(session):
            return _view("approved", name)
        return _view("approved", name, _record(session, "approve", name, reason))


def revoke(site: Site, name: str, *, reason: str, wait: float = 0) -> dict[str, Any]:
    """Record that an invariant must hold again. What runs is not touched: `verify` tells.

    Args:
        site: where.
        name: of the invariant.
        reason: why, for the history; must be given.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: there is no such invariant, or no reason.
        PreconditionError: an operation is cut off.
    """
    demand_reason(reason, f"approval.revoke {name}")
    with exclusive(site, "approval.revoke", reason=reason, wait=wait) as session:
        if name in _approved(session):
            return _view("not approved", name, _record(session, "revoke", name, reason))
    if name not in _known(site):
        raise InputError(
            f"nothing of the name {name!r} is approved, and there is no such invariant",
            state="nothing was changed",
            hint="inv approval.list",
        )
    return _view("not approved", name)


def show(site: Site) -> dict[str, Any]:
    """Every invariant, and the approval that stands for it."""
    known = _known(site)
    standing = operations.approvals(site.history.records())
    rows = []
    for name in dict.fromkeys((*known, *standing)):
        invariant, record = known.get(name), standing.get(name)
        rows.append(
            {
                "name": name,
                "service": invariant.service if invariant else "",
                "forbids": list(invariant.forbids) if invariant else [],
                "why": invariant.why if invariant else "",
                "approved": record is not None,
                "by": record.user if record else "",
                "host": record.host if record else "",
                "since": record.ended if record else "",
                "reason": record.reason if record else "",
                "operation": record.id if record else 0,
            }
        )
    return {"schema": 1, "project": site.bundle.project, "invariants": rows}


def _approved(session: Session) -> frozenset[str]:
    records = session.history.records()
    recovery.refuse(records)
    return operations.approved(records)


def _record(session: Session, kind: Literal["approve", "revoke"], name: str, reason: str) -> int:
    record = session.history.begin(kind, subject=name, reason=reason)
    session.history.end(record, "recorded")
    return record.id


def _view(state: str, name: str, operation: int = 0) -> dict[str, Any]:
    return {
        "schema": 1,
        "state": state,
        "name": name,
        "operation": operation,
        "changed": bool(operation),
    }


def _known(site: Site) -> Mapping[str, Invariant]:
    """The invariants of the working tree's bundle, and of the release of record's."""
    known = dict(site.bundle.invariants)
    record = operations.deployment_of_record(site.history.records())
    if record is not None:
        try:
            bundle, _ = prepare.read_bundle(prepare.stored(site, record.release))
        except MorphopsError:
            return known  # it is no longer here
        known |= bundle.invariants
    return known
