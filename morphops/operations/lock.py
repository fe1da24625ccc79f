"""Use cases around the lock: who holds it, and taking it from one who hangs."""

from __future__ import annotations

from dataclasses import replace

from morphops.core.history import operations
from morphops.core.history.heads import Head
from morphops.core.history.operations import Record
from morphops.core.lock import Holder
from morphops.core.results.lock import CurrentStep, LockBroken, LockStatus, of_holder
from morphops.errors import LockHeld, MorphopsError, PreconditionError
from morphops.operations.pipeline.session import demand_reason, exclusive
from morphops.site import Site

_PATIENCE = 10.0  # seconds, for another process that takes the lock before we have it


def status(site: Site) -> LockStatus:
    """Say who holds the lock, since when and why; and the operation that the engine knows of.

    Raises:
        EngineUnavailable: no engine answers.
    """
    holder = site.platform.lock.holder(site.bundle.project)
    head = site.platform.heads.read(site.bundle.project) or Head()
    step = CurrentStep(operation=head.operation, step=head.step) if head.operation else None
    return LockStatus(
        state="held" if holder else "free",
        project=site.bundle.project,
        holder=of_holder(holder) if holder else None,
        under_way=step,
    )


def take_away(site: Site, *, reason: str) -> LockBroken:
    """Take the lock from one who hangs; it stops before the next step that it would begin.

    A holder that died has released it already, so this is for one that lives and does not go on.

    Args:
        site: where.
        reason: why, for the history; must be given.

    Raises:
        InputError: without a reason.
        EngineUnavailable: no engine answers.
    """
    demand_reason(reason, "lock.break")
    project = site.bundle.project
    holder = site.platform.lock.holder(project)
    if holder is None:
        return LockBroken(project=project, changed=False)
    _wrest(site, holder)
    try:
        cut_off = _record(site, holder, reason)
    except MorphopsError as err:
        hint = f"{err.hint}; then inv status" if err.hint else "inv status"
        raise err.with_(
            state=f"the lock was taken from: {holder}; that is not, or not all, in the history",
            hint="inv lock.status" if isinstance(err, LockHeld) else hint,
        ) from None
    return LockBroken(
        project=project,
        changed=True,
        holder=of_holder(holder),
        cut_off=cut_off.id if cut_off else 0,
    )


def _wrest(site: Site, holder: Holder) -> None:
    """Take the lock from its holder, who finds it gone for good.

    Raises:
        EngineUnavailable, EngineCallFailed: with what to do, for a part of it may be done.
    """
    project = site.bundle.project
    try:
        # The fence goes up first: a holder that finds its lock gone must not take it for a restart.
        head = site.platform.heads.read(project) or Head()
        site.platform.heads.write(project, replace(head, fence=head.fence + 1))
        site.platform.lock.steal(project, holder)
        # What the holder told until then is not to be outranked by what we read before.
        latest = site.platform.heads.latest(project) or head
        if latest.seq > head.seq:
            site.platform.heads.write(project, replace(latest, fence=head.fence + 1))
    except PreconditionError as err:
        raise err.with_(
            state=f"the lock may still be held by: {holder}",
            hint="inv host.check; inv lock.status; then the same command again",
        ) from None


def _record(site: Site, holder: Holder, reason: str) -> Record | None:
    """Record the break; returns the operation that it left incomplete, if any."""
    with exclusive(site, "lock.break", reason=reason, wait=_PATIENCE, aligned=False) as session:
        mismatch = session.mismatch()
        if mismatch:
            site.observer.note(f"not recorded, for the history here is another's: {mismatch}")
        else:
            session.catch_up()
            record = session.history.begin("break", subject=str(holder), reason=reason)
            session.history.end(record, "broken")
        return operations.incomplete_operation(session.history.past())
