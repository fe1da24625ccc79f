"""An operation that was announced: its plan is executed, its end recorded, its failure told."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from morphops.adapters.store.history_file import HistoryWriter
from morphops.core.history import operations, recovery
from morphops.core.history.jobs import JobMark
from morphops.core.history.operations import Record
from morphops.core.plan.plan import Plan, teardown
from morphops.core.results.deploy import DeployResult, of_changes
from morphops.errors import LockLost, MorphopsError, PreconditionError, RollbackFailed
from morphops.operations.pipeline import evidence, execute
from morphops.operations.pipeline.conclude import failure
from morphops.operations.pipeline.execute import Executor, Outcome
from morphops.operations.pipeline.jobs import JobsDone, log_keeper
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.session import Session
from morphops.site import Site


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, from its announcement to its end.

    Attributes:
        site: where.
        session: its history is told each step before it is done, and the end. Its signals are
            masked since before the operation was announced, so that none comes between these two.
        record: the operation, as it was announced.
        aborting: whether it is undone, so that its plan is a rollback.
        jobs: what it did of jobs already, where it is taken up again.
    """

    site: Site
    session: Session
    record: Record
    aborting: bool = False
    jobs: JobsDone = field(default_factory=JobsDone)

    def execute(
        self, plan: Plan, prepared: PreparedRelease | None, before: PreparedRelease | None
    ) -> DeployResult:
        """Execute a plan, and say how it came out.

        Args:
            plan: the plan.
            prepared: what its steps work on; None for one that only takes away.
            before: what the steps of its undo work on.

        Raises:
            RolledBack, RollbackFailed, Interrupted: it failed after it had begun.
            LockLost: another operator has the lock; the operation is left incomplete.
            MorphopsError: it failed before; nothing was changed.
        """
        kept: list[Path] = []
        prepared, before = self._asking(prepared), self._asking(before)
        outcome = self._executor(plan, kept).run(plan, prepared, before)
        try:
            recorded = self._end(outcome, "deployed" if plan.release else "stopped")
        finally:
            # How it came out is decided: a signal that came meanwhile came too late to change it.
            self.session.signals.acknowledge()
        if outcome.kind != "deployed":
            raise self._failure(plan, outcome, recorded, kept)
        return DeployResult(
            state="healthy" if plan.release else "down",
            release=plan.release,
            operation=self.record.id,
            changes=of_changes(plan.changes),
            changed=plan.changed,
        )

    def _asking(self, prepared: PreparedRelease | None) -> PreparedRelease | None:
        return prepared.asking(self.record.seed) if prepared else None

    def _executor(self, plan: Plan, kept: list[Path]) -> Executor:
        def keep_evidence(error: MorphopsError) -> None:
            folder = evidence.keep(
                self.site,
                self.session.history,
                self.record,
                plan,
                error,
                going_back=self.aborting or bool(kept),
            )
            kept.extend([folder] if folder else [])

        return Executor(
            platform=self.site.platform,
            project=self.site.bundle.project,
            log=HistoryLog(self.session.history, self.record, "undo: " if self.aborting else ""),
            observer=self.site.observer,
            signals=self.session.signals,
            keep_evidence=keep_evidence,
            jobs=self.jobs,
            keep_log=log_keeper(self.site, self.record),
        )

    def _failure(
        self, plan: Plan, outcome: Outcome, recorded: bool, kept: list[Path]
    ) -> MorphopsError:
        """The one error that says how it came out."""
        error = failure(self.site, plan, outcome, aborting=self.aborting)
        state, hint = error.state, error.hint
        if _still_open(self.record, outcome):
            state, hint = "the operation is as it was", recovery.NEXT
        elif not recorded:
            state += "; in the history it is incomplete"
            hint = f"inv host.check; then {recovery.NEXT}"
        detail = (*error.detail, *(f"evidence: {folder}" for folder in kept))
        # What an unexpected error says may hold a secret.
        redact = self.site.redact
        return error.with_(
            what=redact(error.what), state=state, hint=hint, detail=redact.lines(detail)
        )

    def _end(self, outcome: Outcome, success: operations.Outcome) -> bool:
        """Record how it came out, unless it is still to be finished or undone.

        Returns:
            whether the history says so now, or need not.

        Raises:
            LockLost: it is not ours to end any more.
            RollbackFailed: it came out well, and that cannot be recorded.
        """
        if isinstance(outcome.error, LockLost):
            raise outcome.error
        if outcome.kind == "incomplete" or _still_open(self.record, outcome):
            return True
        kind: operations.Outcome = outcome.kind
        if outcome.kind == "deployed":
            kind = "rolled back" if self.aborting else success
        try:
            end_of_patience = time.monotonic() + execute.PATIENCE
            execute.await_engine(self.site.platform.workloads, end_of_patience, self.site.observer)
            error = self.site.redact(outcome.error.what) if outcome.error else ""
            self.session.history.end(self.record, kind, error)
        except LockLost as lost:
            if outcome.kind == "refused":
                raise
            first = (outcome.error.what,) if outcome.error else ()
            told = lost.with_(detail=(*lost.detail, *first))
            raise told.touched(
                f"it came to its end ({kind}); in the history it is incomplete"
            ) from None
        except PreconditionError as err:
            if outcome.kind in ("deployed", "rolled back"):
                raise RollbackFailed(
                    f"it came to its end ({kind}), but that could not be recorded: {err.what}",
                    detail=(outcome.error.what,) if outcome.error else (),
                    state="what runs is whole; in the history the operation is incomplete",
                    hint=recovery.NEXT,
                ) from None
            self.site.observer.note(f"how it ended could not be recorded: {err.what}")
            return False
        return True


class HistoryLog:
    """Implements `StepLog` with the entries of one operation."""

    def __init__(self, history: HistoryWriter, record: Record, prefix: str = "") -> None:
        self._history = history
        self._record = record
        self._prefix = prefix

    def begin(self, step: str, *, touches: bool, job: JobMark | None = None) -> None:
        """See `StepLog.begin`."""
        self._history.step(self._record, f"{self._prefix}{step}", touches=touches, job=job)

    def end(self, result: Literal["ok", "failed"], took: float) -> None:
        """See `StepLog.end`."""
        self._history.result(self._record, result, took)


def take_down(operation: Operation) -> None:
    """Stop and remove everything of the project but its data, as an operation that was announced.

    A signal waits for the end: half of it would be neither.

    Raises:
        LockLost: another operator has the lock; the operation is left incomplete.
        RollbackFailed: the engine refuses, and may have done a part of it.
        MorphopsError: it failed before; nothing was changed.
    """
    with operation.session.signals.shield():
        operation.execute(teardown(), None, None)


def _still_open(record: Record, outcome: Outcome) -> bool:
    """Whether what is incomplete is only refused to be finished now."""
    return outcome.kind == "refused" and bool(record.steps)
