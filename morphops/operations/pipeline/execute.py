"""Runs a plan: announces each step, does it, and on failure runs the way back. No policy.

A signal is a failure like any other. It stops a wait at once; a step that changes containers is
finished first, and a way back altogether, since half of it would be worse.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Literal

from morphops.adapters.signals import Signals
from morphops.core.plan import plan, steps
from morphops.core.release.digest import short
from morphops.core.stack import Instance
from morphops.errors import (
    Bug,
    EngineUnavailable,
    Interrupted,
    LockLost,
    MorphopsError,
    PreconditionError,
)
from morphops.interfaces import Observer, StepLog, Target
from morphops.operations.pipeline import gates
from morphops.operations.pipeline.prepare import PreparedRelease

# Seconds that an engine may be away before going back is given up; a restart takes a few.
PATIENCE, _REASK = 60.0, 0.2

_COMEBACKS = 3  # how often it may go away on the way back


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a plan came out.

    Attributes:
        kind: `refused` means that it failed before anything was touched; `cut off` that the engine
            went away and stayed away, so that what was begun is still to be finished or undone.
        error: what failed.
        undo_error: what failed on the way back.
    """

    kind: Literal["deployed", "refused", "rolled back", "failed", "cut off"]
    error: MorphopsError | None = None
    undo_error: MorphopsError | None = None


def run(
    todo: plan.Plan,
    scene: PreparedRelease | None,
    undo_scene: PreparedRelease | None,
    *,
    target: Target,
    project: str,
    log: StepLog,
    observer: Observer,
    signals: Signals,
    keep_evidence: Callable[[MorphopsError], None] = lambda error: None,
) -> Outcome:
    """Run a plan to its end, or back.

    Args:
        todo: the plan.
        scene: what its steps work on; none for a plan that only takes away.
        undo_scene: what the steps of its undo work on; none where that needs nothing.
        target: where.
        project: the project's name on the target.
        log: records each step before it is done, and its result.
        observer: is told how it goes.
        signals: held already; they are heard where a step waits, and between steps.
        keep_evidence: called with what failed while it still stands there: before the way back
            removes it, and once more where that fails.
    """
    work = _Work(target, project, log, observer)
    touched = False
    try:
        total = len(todo.steps)
        for number, step in enumerate(todo.steps, start=1):
            signals.check()
            observer.step(number, total, str(step))
            touching = isinstance(step, steps.TOUCHING)
            log.begin(str(step), touches=touching)
            touched = touched or touching
            # Half of a step that changes containers would be worse than a Ctrl-C heard later.
            work.do(step, scene, nullcontext() if touching else signals.interruptible())
    except Exception as raised:
        failed = _expected(raised)
        error = signals.root_cause(failed)
        signals.acknowledge()  # one that came is what failed, and is answered from here on
        if isinstance(raised, LockLost):
            return Outcome("failed", raised.touched() if touched else raised)
        if not touched:
            return Outcome("refused", error)
        if not isinstance(failed, Interrupted):
            keep_evidence(failed)
        if todo.undo is None:
            away = isinstance(failed, EngineUnavailable)
            return Outcome("cut off" if away else "failed", error)
        observer.undoing(error)
        return _undo(todo.undo, undo_scene, error, work, keep_evidence)
    return Outcome("deployed")


def _expected(raised: Exception) -> MorphopsError:
    """What failed, as an error of ours: a bug, too, is to be undone and recorded."""
    if isinstance(raised, MorphopsError):
        return raised
    error: MorphopsError
    if isinstance(raised, OSError):
        where = f": {raised.filename}" if raised.filename else ""
        what = f"this machine refuses: {raised.strerror or raised}{where}"
        error = PreconditionError(what, hint="inv host.check")
    else:
        frames = traceback.extract_tb(raised.__traceback__)
        error = Bug(
            f"{type(raised).__name__}: {raised}",
            detail=tuple(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames),
        )
    error.__cause__ = raised
    return error


def _undo(
    undo: plan.Plan,
    scene: PreparedRelease | None,
    error: MorphopsError,
    work: _Work,
    keep_evidence: Callable[[MorphopsError], None],
) -> Outcome:
    """The way back. Nothing in it hears a signal: half of it would be neither."""
    for _ in range(_COMEBACKS):
        try:
            await_engine(work.target, time.monotonic() + PATIENCE, work.observer)
            for number, step in enumerate(undo.steps, start=1):
                work.observer.step(number, len(undo.steps), f"undo: {step}")
                work.log.begin(f"undo: {step}", touches=isinstance(step, steps.TOUCHING))
                work.do(step, scene, nullcontext())
        except LockLost as lost:
            lost.detail += (f"before that: {error.what}",)
            return Outcome("failed", lost.touched("it stopped in the middle of going back"))
        except EngineUnavailable as gone:
            # Once more from its beginning: to start what runs already changes nothing.
            away = gone
        except Exception as raised:
            failed = _expected(raised)
            keep_evidence(failed)
            return Outcome("failed", error, failed)
        else:
            return Outcome("rolled back", error)
        if not work.target.is_reachable():
            break
    keep_evidence(away)
    return Outcome("cut off", error, away)


def await_engine(target: Target, end: float, observer: Observer) -> None:
    """Wait until the engine answers: one that is restarted comes back, and what runs with it.

    Args:
        target: where.
        end: monotonic time to wait for.
        observer: is told that it waits.

    Raises:
        EngineUnavailable: it did not come back in time.
    """
    told = False
    while not target.is_reachable():
        if time.monotonic() >= end:
            raise EngineUnavailable(f"the engine did not come back within {PATIENCE:g} s")
        if not told:
            observer.note("waiting: the engine does not answer")
            told = True
        time.sleep(_REASK)


@dataclass(frozen=True, slots=True)
class _Work:
    """Does single steps, and records how each came out.

    `passed` holds, by id, the containers as they were when they passed their gate.
    """

    target: Target
    project: str
    log: StepLog
    observer: Observer
    passed: dict[str, Instance] = field(default_factory=dict)

    def do(
        self, step: steps.Step, scene: PreparedRelease | None, hearing: AbstractContextManager[None]
    ) -> None:
        begun = time.monotonic()
        try:
            with hearing:  # but not while it is written down how the step came out
                self._do(step, scene)
        except BaseException:
            # What failed is what the caller has to know, not that it could not be written down too.
            with suppress(MorphopsError):
                self.log.end("failed", time.monotonic() - begun)
            raise
        self.log.end("ok", time.monotonic() - begun)

    def _do(self, step: steps.Step, scene: PreparedRelease | None) -> None:
        match step:
            case steps.Teardown():
                self.target.teardown(self.project)
                return
            case steps.Remove():
                self.target.remove(self.project, step.services)
                return
            case _ if scene is None:
                raise AssertionError(f"{step} needs files and values")
            case steps.Pull():
                pull(step, self.target, self.observer)
            case steps.Check() | steps.Gate():
                probe = scene.bundle.probes[step.probe]
                reading = gates.run(step.probe, probe, scene.context, self.observer.note)
                self.observer.note(reading.reason)
            case steps.Start():
                self.target.start(scene.stack, step.services)
            case steps.AwaitHealth():
                running = gates.await_health(step, self.target, self.project, self.observer)
                self.passed.update((c.id, c) for name in step.services for c in running.of(name))
            case steps.Verify():
                names = tuple(scene.services)
                gates.await_lasting(
                    step.settle, self.passed, names, self.target, self.project, self.observer
                )
                gates.verify(
                    scene.release,
                    scene.services,
                    self.target,
                    self.project,
                    rules=scene.bundle.invariants,
                    approved=scene.approved,
                    tell=None if step.strict else self.observer.note,
                )


def pull(step: steps.Pull, target: Target, observer: Observer) -> None:
    """Fetch an image unless it is here, and hold it.

    Raises:
        MorphopsError: it cannot be had.
    """
    if target.has_image(step.image):
        observer.note(f"{step.image.name} is here already")
    else:
        try:
            target.pull_image(step.image, observer.note, stalled_after=step.stalled_after)
        except PreconditionError as err:
            if step.back_to:
                gone = f"{step.image.name} of {short(step.back_to)}, which was to be the way back,"
                err.what = f"{gone} is no longer on the engine: {err.what}"
                err.hint = "mend the registry; or, without a way back: inv deploy --no-rollback …"
            raise
    target.tag_image(step.image, step.tag)
