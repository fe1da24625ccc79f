"""Runs a plan: announces each step, does it, and on failure runs the automatic rollback. No policy.

A signal is a failure like any other. It stops a wait at once. A step that changes containers is
finished first, and a rollback altogether, since half of it would be worse.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from morphops.adapters.signals import Signals
from morphops.core.jobs import staying
from morphops.core.plan import changes, steps
from morphops.core.plan.plan import Plan
from morphops.core.plan.steps import Step
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
from morphops.interfaces import Images, Observer, Platform, StepLog, Workloads
from morphops.operations.pipeline import gates
from morphops.operations.pipeline.jobs import JobRunner, JobsDone, KeepLog
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.roll import Roll

# Seconds that an engine may be away before going back is given up; a restart takes a few.
PATIENCE, _REASK = 60.0, 0.2

_COMEBACKS = 3  # how often it may go away during a rollback


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a plan came out.

    Attributes:
        kind: `refused` means that it failed before anything was touched. `incomplete` means that
            the engine went away and stayed away: what was begun must still be finished or undone.
        error: what failed.
        stays: the jobs whose work an automatic rollback did not take back.
        undo_error: what failed in the automatic rollback.
    """

    kind: Literal["deployed", "refused", "rolled back", "failed", "incomplete"]
    error: MorphopsError | None = None
    undo_error: MorphopsError | None = None
    stays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs plans, and their undo.

    Attributes:
        platform: where.
        project: the project's name there.
        log: records each step before it is done, and its result.
        observer: is told how it goes.
        signals: masked already; they are heard where a step waits, and between steps.
        keep_evidence: called with what failed while it still stands there: before the automatic
            rollback removes it, and once more where that fails.
        jobs: what the operation did of jobs so far.
        keep_log: see `JobRunner`.
    """

    platform: Platform
    project: str
    log: StepLog
    observer: Observer
    signals: Signals
    keep_evidence: Callable[[MorphopsError], None] = lambda error: None
    jobs: JobsDone = field(default_factory=JobsDone)
    keep_log: KeepLog = lambda service, lines: None
    # By id, the containers as they were when they passed their gate.
    _passed: dict[str, Instance] = field(default_factory=dict)

    def run(
        self, plan: Plan, prepared: PreparedRelease | None, before: PreparedRelease | None
    ) -> Outcome:
        """Run a plan to its end, or back.

        Args:
            plan: the plan.
            prepared: what its steps work on; None for a plan that only takes away.
            before: what the steps of its undo work on; None where that needs nothing.
        """
        touched = False
        self.jobs.left = self.jobs.left or prepared
        try:
            for number, step in enumerate(plan.steps, start=1):
                self.signals.check()
                self.observer.step(number, len(plan.steps), str(step))
                if self._is_needless(step):
                    continue
                self.log.begin(str(step), touches=step.touches, job=step.job)
                touched = touched or step.touches
                # Half of a step that changes containers would be worse than a late Ctrl-C.
                hearing = nullcontext() if step.touches else self.signals.interruptible()
                with self._recorded(hearing):
                    self._effect(step, prepared)
        except Exception as raised:
            return self._failed(raised, touched, plan.undo, before)
        return Outcome("deployed")

    def _failed(
        self, raised: Exception, touched: bool, undo: Plan | None, before: PreparedRelease | None
    ) -> Outcome:
        """What comes of a step that failed: nothing was touched, or it is undone, or it stays."""
        failed = expected(raised)
        error = self.signals.root_cause(failed)
        self.signals.acknowledge()  # a signal that came is what failed, and is answered from here
        if isinstance(raised, LockLost):
            return Outcome("failed", raised.touched() if touched else raised)
        if not touched:
            return Outcome("refused", error)
        if not isinstance(failed, Interrupted):
            self.keep_evidence(failed)
        if undo is None:
            away = isinstance(failed, EngineUnavailable)
            return Outcome("incomplete" if away else "failed", error)
        self.observer.undoing(error)
        return self._undo(undo, before, error)

    def _undo(self, undo: Plan, before: PreparedRelease | None, error: MorphopsError) -> Outcome:
        """The automatic rollback. Nothing in it hears a signal: half of it would be neither."""
        for _ in range(_COMEBACKS):
            answered = False
            try:
                self.await_engine()
                answered = True
                for number, step in enumerate(undo.steps, start=1):
                    self.observer.step(number, len(undo.steps), f"undo: {step}")
                    if self._is_needless(step):
                        continue
                    self.log.begin(f"undo: {step}", touches=step.touches, job=step.job)
                    with self._recorded(nullcontext()):
                        self._effect(step, before, "undo: ")
            except LockLost as lost:
                told = lost.with_(detail=(*lost.detail, f"before that: {error.what}"))
                return Outcome("failed", told.touched("it stopped in the middle of the rollback"))
            except EngineUnavailable as gone:
                # Once more from its beginning: to start what runs already changes nothing.
                away = gone
            except Exception as raised:
                failed = expected(raised)
                self.keep_evidence(failed)
                return Outcome("failed", error, failed)
            else:
                return Outcome("rolled back", error, stays=self.jobs.stays)
            if not answered:  # waiting did not help; one that only went away comes back
                break
        self.keep_evidence(away)
        return Outcome("incomplete", error, away)

    def await_engine(self) -> None:
        """Wait until the engine answers, for `PATIENCE` seconds; see `await_engine`."""
        await_engine(self.platform.workloads, time.monotonic() + PATIENCE, self.observer)

    @contextmanager
    def _recorded(self, hearing: AbstractContextManager[None]) -> Iterator[None]:
        """Record how the step of the block came out."""
        begun = time.monotonic()
        try:
            with hearing:  # but not while it is written down how the step came out
                yield
        except Exception:
            # What failed is what the caller has to know, not that it could not be written too.
            with suppress(MorphopsError):
                self.log.end("failed", time.monotonic() - begun)
            raise
        self.log.end("ok", time.monotonic() - begun)

    def _effect(self, step: Step, prepared: PreparedRelease | None, prefix: str = "") -> None:
        workloads, project = self.platform.workloads, self.project
        match step:
            case steps.Teardown():
                workloads.teardown(project)
            case steps.Remove():
                workloads.remove(project, step.services, step.slot)
            case _ if prepared is None:
                raise AssertionError(f"{step} needs files and values")
            case steps.Pull():
                pull(step, self.platform.images, project, self.observer)
            case steps.Start():
                again = self._again(step, prepared)
                if at_once := _at_once(step, prepared):
                    recreated = tuple(name for name in again if name in at_once)
                    workloads.start(prepared.stack, at_once, step.slot, recreated)
                self._roll(step, prepared, again)
            case steps.RunJob() | steps.UndoJob():
                self._job_runner.run(step, prepared, prefix)
            case steps.Check() | steps.Gate() | steps.Verify():
                self._look(step, prepared)
            case steps.AwaitHealth():
                running = gates.await_health(step, workloads, project, self.observer)
                self._passed.update((c.id, c) for name in step.services for c in running.of(name))

    def _roll(self, step: steps.Start, prepared: PreparedRelease, again: tuple[str, ...]) -> None:
        """Start what is replaced one container after the other; it comes last in its wave."""
        at_once = _at_once(step, prepared)
        for name in step.services:
            if name not in at_once:
                workloads, stack = self.platform.workloads, prepared.stack
                roll = Roll(workloads, self.project, self.observer, stack, step.deadline)
                roll.replace(prepared.services[name], again=name in again)

    @property
    def _job_runner(self) -> JobRunner:
        workloads, project = self.platform.workloads, self.project
        return JobRunner(workloads, project, self.observer, self.jobs, self.log, self.keep_log)

    def _is_needless(self, step: Step) -> bool:
        """Whether a step is left out, which is told."""
        if not isinstance(step, steps.RunJob | steps.UndoJob):
            return False
        why = self._job_runner.needless(step)
        if why:
            self.observer.note(why)
        return bool(why)

    def _again(self, step: steps.Start, prepared: PreparedRelease) -> tuple[str, ...]:
        """The services of a wave that are recreated: by the plan, and by what is there now."""
        if not any(prepared.services[name].depends_on for name in step.services) and not any(
            probe.asks.judges for probe in prepared.bundle.probes.values()
        ):
            return step.again  # there is nothing to be older than
        running = self.platform.workloads.observe(self.project).in_slot(step.slot)
        for_others = changes.for_others(prepared.bundle, prepared.services, running)
        found = {*step.again, *for_others}
        return tuple(name for name in step.services if name in found)

    def _look(
        self, step: steps.Check | steps.Gate | steps.Verify, prepared: PreparedRelease
    ) -> None:
        if isinstance(step, steps.Verify):
            self._verify(step, prepared)
        else:
            self._probe(step, prepared)

    def _probe(self, step: steps.Check | steps.Gate, prepared: PreparedRelease) -> None:
        probe = prepared.bundle.probes[step.probe]
        slot = step.slot if isinstance(step, steps.Gate) else ""
        context = replace(prepared.context, slot=slot)
        reading = gates.run(step.probe, probe, context, self.observer.note)
        self.observer.note(reading.reason)

    def _verify(self, step: steps.Verify, prepared: PreparedRelease) -> None:
        workloads = self.platform.workloads
        names = staying(prepared.services)
        gates.await_lasting(
            step.settle, self._passed, names, workloads, self.project, self.observer
        )
        gates.verify(
            prepared,
            workloads,
            self.project,
            tell=None if step.strict else self.observer.note,
        )


def _at_once(step: steps.Start, prepared: PreparedRelease) -> tuple[str, ...]:
    """The services of a wave of which all containers are replaced at once."""
    services = prepared.services
    return tuple(name for name in step.services if step.slot or not services[name].rolling)


def expected(raised: Exception) -> MorphopsError:
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


def await_engine(target: Workloads, end: float, observer: Observer) -> None:
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
            observer.waiting("the engine does not answer")
            told = True
        time.sleep(_REASK)


def pull(step: steps.Pull, images: Images, project: str, observer: Observer) -> None:
    """Fetch an image unless it is here, and keep it for the release that needs it.

    Raises:
        MorphopsError: it cannot be had.
    """
    if images.has_image(step.image):
        observer.note(f"{step.image.name} is here already")
    else:
        try:
            images.pull_image(step.image, observer.note, stalled_after=step.stalled_after)
        except PreconditionError as err:
            if not step.back_to:
                raise
            gone = f"{step.image.name} of {short(step.back_to)}, needed for an automatic rollback,"
            raise err.with_(
                what=f"{gone} is no longer on the engine: {err.what}",
                hint="fix the registry; or, without an automatic rollback: "
                "inv deploy --no-rollback …",
            ) from None
    images.hold_image(step.image, project, step.release)
