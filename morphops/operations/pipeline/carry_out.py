"""Carrying a plan out: the journal around it, the way back, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from morphops.adapters.host import ports
from morphops.adapters.store.history_file import HistoryWriter
from morphops.core.history import operations, recovery
from morphops.core.history.operations import Record
from morphops.core.plan import plan, preconditions, steps
from morphops.core.release.digest import short
from morphops.core.stack import Running
from morphops.errors import (
    EngineUnavailable,
    LockLost,
    MorphopsError,
    PreconditionError,
    RollbackFailed,
)
from morphops.operations.pipeline import evidence, execute, planning, prepare
from morphops.operations.pipeline.conclude import failure
from morphops.operations.pipeline.execute import Outcome
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.session import Session
from morphops.site import Site


def execute_operation(
    site: Site,
    session: Session,
    record: Record,
    todo: plan.Plan,
    ready: PreparedRelease | None,
    undo_scene: PreparedRelease | None,
    *,
    aborting: bool = False,
) -> dict[str, Any]:
    """Run the plan of an operation that was announced, and say how it came out.

    Args:
        site: where.
        session: its history is told each step before it is done, and the end. Its signals are held
            since before the operation was announced, so that none finds it between two of these.
        record: the operation.
        todo: its plan.
        ready: what its steps work on; none for one that only takes away.
        undo_scene: what the steps of its undo work on.
        aborting: whether the plan itself is the way back of an operation that was cut off.

    Raises:
        RolledBack, RollbackFailed, Interrupted: it failed after it had begun.
        LockLost: somebody else has the lock; the operation is left as one that was cut off.
        MorphopsError: it failed before; nothing was changed.
    """
    kept: list[Path] = []

    def keep_evidence(error: MorphopsError) -> None:
        going_back = aborting or bool(kept)
        folder = evidence.keep(site, session.history, record, todo, error, going_back=going_back)
        kept.extend([folder] if folder else [])

    outcome = execute.run(
        todo,
        ready,
        undo_scene,
        target=site.target,
        project=site.bundle.project,
        log=StepLog(session.history, record, "undo: " if aborting else ""),
        observer=site.observer,
        signals=session.signals,
        keep_evidence=keep_evidence,
    )
    success: operations.Outcome = "deployed" if todo.release else "stopped"
    try:
        recorded = _end(
            site, session, record, outcome, success="rolled back" if aborting else success
        )
    finally:
        # How it came out is decided: a signal that came meanwhile came too late to change it.
        session.signals.acknowledge()
    if outcome.kind != "deployed":
        raised = failure(site, todo, outcome, aborting=aborting)
        if _still_open(record, outcome):
            raised.state, raised.hint = "what was cut off is as it was", recovery.NEXT
        elif not recorded:
            raised.state += "; the history has it as cut off"
            raised.hint = f"inv host.check; then {recovery.NEXT}"
        raised.detail += tuple(f"evidence: {folder}" for folder in kept)
        # Of what nobody expected nobody knows what it says.
        raised.what, raised.detail = site.redact(raised.what), site.redact.lines(raised.detail)
        raise raised
    return {
        "schema": 1,
        "state": "healthy" if todo.release else "down",
        "release": todo.release,
        "operation": record.id,
        "changes": [change.as_json() for change in todo.changes],
        "changed": todo.changed,
    }


class StepLog:
    """Implements `engine.Log` with the entries of one operation."""

    def __init__(self, history: HistoryWriter, record: Record, prefix: str = "") -> None:
        self._history = history
        self._record = record
        self._prefix = prefix

    def begin(self, step: str, *, touches: bool) -> None:
        """See `engine.Log.begin`."""
        self._history.step(self._record, f"{self._prefix}{step}", touches=touches)

    def end(self, result: Literal["ok", "failed"], took: float) -> None:
        """See `engine.Log.end`."""
        self._history.result(self._record, result, took)


def _end(
    site: Site,
    session: Session,
    record: Record,
    outcome: Outcome,
    *,
    success: operations.Outcome,
) -> bool:
    """Record how an operation came out, unless it is still to be finished or undone.

    Returns:
        whether the history says so now, or need not.

    Raises:
        LockLost: it is not ours to end any more.
        RollbackFailed: it came out well, and that cannot be recorded.
    """
    if isinstance(outcome.error, LockLost):
        raise outcome.error
    if outcome.kind == "cut off" or _still_open(record, outcome):
        return True
    error = site.redact(outcome.error.what) if outcome.error else ""
    kind = success if outcome.kind == "deployed" else outcome.kind
    try:
        end_of_patience = time.monotonic() + execute.PATIENCE
        execute.await_engine(site.target, end_of_patience, site.observer)
        session.history.end(record, kind, error)
    except LockLost as lost:
        if outcome.kind == "refused":
            raise
        lost.detail += (outcome.error.what,) if outcome.error else ()
        raise lost.touched(f"it came to its end ({kind}); the history has it as cut off") from None
    except PreconditionError as err:
        if outcome.kind in ("deployed", "rolled back"):
            raise RollbackFailed(
                f"it came to its end ({kind}), but that could not be recorded: {err.what}",
                detail=(outcome.error.what,) if outcome.error else (),
                state="what runs is whole; the history has it as cut off",
                hint=recovery.NEXT,
            ) from None
        site.observer.note(f"how it ended could not be recorded: {err.what}")
        return False
    return True


def _still_open(record: Record, outcome: Outcome) -> bool:
    """Whether what was begun before, and cut off, is only refused to be finished now."""
    return outcome.kind == "refused" and bool(record.steps)


def planned(
    site: Site,
    ready: PreparedRelease,
    running: Running,
    deployment: int,
    undo: plan.Plan | None,
    of_record: PreparedRelease | None = None,
) -> plan.Plan:
    """The plan that brings what a scene holds; see `plan.deploy` and `planning.before`."""
    return plan.deploy(
        ready.bundle,
        ready.release,
        ready.services,
        running,
        deployment=deployment,
        undo=undo,
        networks=site.target.networks(site.bundle.project),
        before=planning.before(site, ready, running, of_record),
        approved=ready.approved,
    )


def take_down(site: Site, session: Session, record: Record) -> None:
    """Stop and remove everything of the project but its data, as an operation that was announced.

    A signal waits for the end: half of it would be neither.

    Raises:
        LockLost: somebody else has the lock; the operation is left as one that was cut off.
        RollbackFailed: the engine refuses, and may have done a part of it.
        MorphopsError: it failed before; nothing was changed.
    """
    with session.signals.shield():
        execute_operation(site, session, record, plan.teardown(), None, None)


def way_back(
    site: Site, records: Sequence[Record], running: Running
) -> tuple[plan.Plan | None, PreparedRelease | None]:
    """What undoes a deploy: the deployment of record, or nothing at all where nothing runs.

    Returns:
        the plan and what it works on; no plan where there is no way back.
    """
    if not running.containers:
        return plan.teardown(), None
    record = operations.deployment_of_record(records)
    if record is None:
        # Somebody relies on these; that our memory of them is lost is no reason to remove them.
        site.observer.note("there is no way back: what runs is not in this state folder's history")
        return None, None
    return way_back_to(site, record)


def way_back_to(site: Site, record: Record) -> tuple[plan.Plan | None, PreparedRelease | None]:
    """The plan that brings an earlier deployment back, and what it works on."""
    deployment = site.state.deployment(record.deployment)
    try:
        before = prepare.reopen(site, deployment, record.release, same_data=True)
    except MorphopsError as err:
        site.observer.note(f"there is no way back to {short(record.release)}: {err.what}")
        return None, None
    undo = plan.rollback_to(
        before.bundle,
        record.release,
        before.services,
        deployment=deployment.id,
        lacks=_lacking(site, before),
    )
    return undo, before


def _lacking(site: Site, before: PreparedRelease) -> list[steps.Pull]:
    """The pulls of the images that are gone from the engine, while their containers may still run.

    A tag that holds such an image keeps its bytes, but not the name by which it is started.
    """
    pulls = plan.pulls(before.bundle, before.release, before.services)
    return [pull for pull in pulls if not site.target.has_image(pull.image)]


def fetch_way_back(site: Site, undo: plan.Plan | None) -> plan.Plan | None:
    """Fetch what a way back lacks, for who has to go on without it where that cannot be had.

    Returns:
        the way back that lacks nothing; none where it cannot be had.

    Raises:
        EngineUnavailable: no engine answers.
    """
    if undo is None:
        return None
    try:
        for step in undo.missing_images:
            site.observer.note(str(step))
            execute.pull(step, site.target, site.observer)
    except EngineUnavailable:
        raise
    except PreconditionError as err:
        site.observer.note(f"there is no way back to {short(undo.release)}: {err.what}")
        return None
    return replace(undo, missing_images=())


def refuse_taken_ports(site: Site, ready: PreparedRelease, running: Running) -> None:
    """Refuse before anything is touched when a port that is needed is somebody else's.

    Ports of another machine cannot be tried from here; the engine there says what it refuses.

    Raises:
        PreconditionError: naming each.
    """
    wanted = {(p.host, p.published, p.protocol) for s in ready.services.values() for p in s.ports}
    held = {port for port in wanted if ports.taken(*port)}
    taken = preconditions.taken_ports(ready.services, running, held)
    if taken and site.target.is_local():
        raise PreconditionError(
            taken[0],
            detail=taken[1:],
            state="nothing was changed",
            hint="stop what listens there, or choose another port in the env file",
        )
