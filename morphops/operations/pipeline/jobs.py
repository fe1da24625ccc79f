"""Runs the jobs of a plan, each to its end, and remembers what one operation did of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from morphops.core.history import jobs as history
from morphops.core.history.jobs import JobMark
from morphops.core.history.operations import Record
from morphops.core.plan.steps import RunJob, UndoJob
from morphops.core.stack import Instance, Running
from morphops.core.verify import health
from morphops.core.visible import visible
from morphops.errors import GateFailed
from morphops.interfaces import Notes, StepLog, Workloads
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.site import Site

JobStep: TypeAlias = RunJob | UndoJob
KeepLog: TypeAlias = Callable[[str, Sequence[str]], None]

_RELOOK = 5.0  # seconds; looks again even if no event came
_KEPT_LINES = 1000  # of its log
_SHOWN_LINES = 15
_AT_WORK = ("running", "restarting", "paused")


@dataclass(slots=True)
class JobsDone:
    """What one operation did of jobs, also before it was interrupted.

    Attributes:
        passed: the jobs that ended well, and were not taken back.
        undone: those that were taken back, and did not run again.
        begun: what each step of a job says that was begun.
        at_stake: the jobs that were begun, and that the release before does not work with.
        left: the release that is left, whose services take back what its jobs did.
    """

    passed: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    begun: list[JobMark] = field(default_factory=list)
    at_stake: list[str] = field(default_factory=list)
    left: PreparedRelease | None = None

    @property
    def stays(self) -> tuple[str, ...]:
        """The jobs whose work the release before has to live with."""
        return tuple(name for name in dict.fromkeys(self.at_stake) if name not in self.undone)


def of_record(record: Record, running: Running, left: PreparedRelease | None) -> JobsDone:
    """What an operation that was interrupted did of jobs.

    Args:
        record: the operation.
        running: what is there: a job that ended well counts, also where the operation could not
            record it.
        left: see `JobsDone`.
    """
    passed = set(history.passed(record))
    for mark in history.interrupted(record):
        own = [c for c in running.of(mark.service) if c.config == mark.config]
        if not mark.undoes and any(c.succeeded for c in own):
            passed.add(mark.service)
    begun = [step.job for step in record.steps if step.job is not None]
    # A rollback runs a job only to bring back what it had taken back.
    ran = [m.service for m in begun if not (m.undoes or m.reversible or record.kind == "rollback")]
    return JobsDone(passed, set(history.undone(record)), begun, ran, left)


@dataclass(frozen=True, slots=True)
class JobRunner:
    """Runs the jobs of one operation.

    Attributes:
        workloads, project: where.
        observer: is told what is waited for.
        done: what was done so far.
        log: is told once more, when the job was started.
        keep_log: called with a service, and the lines that it wrote.
    """

    workloads: Workloads
    project: str
    observer: Notes
    done: JobsDone
    log: StepLog
    keep_log: KeepLog

    def needless(self, step: JobStep) -> str:
        """Why a step is left out; empty where it is done."""
        job, done = step.mark.service, self.done
        if isinstance(step, RunJob):
            return f"{job} was not taken back" if step.if_undone and job not in done.undone else ""
        if job in done.undone:
            return f"{job} is taken back already"
        if job not in done.passed and not self._ended_unseen(step.mark):
            return f"{job} did not end with 0, so {step.mark.undo} is not run"
        return ""

    def _ended_unseen(self, mark: JobMark) -> bool:
        """Whether a job that this operation began ended well, and the engine was away then."""
        if not any(one.service == mark.service and not one.undoes for one in self.done.begun):
            return False
        container = self._container(mark.service, mark.config, "")
        return container is not None and container.succeeded

    def run(self, step: JobStep, prepared: PreparedRelease, prefix: str) -> None:
        """Run a job to its end.

        That it was started is a step of its own in the history. So one that was interrupted before
        that, and has no container, is known to have done nothing.

        Args:
            step: of the plan.
            prepared: the release whose job it is; what takes one back is of the release that is
                left.
            prefix: of the step, in the history.

        Raises:
            GateFailed: it ended with another code than 0, or not in time; with its last log lines.
        """
        mark = step.mark
        again = step.resumed or mark in self.done.begun
        if not mark.undoes and mark.service in self.done.undone:
            again = False  # that it ended well is no longer true of the data
        self.done.begun.append(mark)
        if isinstance(step, RunJob) and not (step.if_undone or mark.reversible):
            self.done.at_stake.append(mark.service)
        if mark.undoes:
            owner = self.done.left or prepared
            config = owner.undoing[mark.undo].config
        else:
            owner, config = prepared, mark.config
        began = time.monotonic()
        self._start(owner, mark, config, again=again, slot=step.slot)
        self.log.end("ok", time.monotonic() - began)
        text = f"{prefix}wait for job {mark.runs} to end"
        self.log.begin(text, touches=False, job=replace(mark, started=True))
        self._await(mark, config, step)
        change = (self.done.passed, self.done.undone)
        gains, loses = reversed(change) if mark.undoes else change
        gains.add(mark.service)
        loses.discard(mark.service)

    def _start(
        self, owner: PreparedRelease, mark: JobMark, config: str, *, again: bool, slot: str
    ) -> None:
        """Start it, unless it is at work, or came to its end before an interruption."""
        there = self._container(mark.runs, config, slot)
        if there is not None and there.state in _AT_WORK:
            self.observer.note(f"{mark.runs} is at work already")
            return
        if again and there is not None and there.succeeded:
            self.observer.note(f"{mark.runs} ended with 0 meanwhile")
            return
        if again and there is not None and there.state != "created" and not mark.repeatable:
            raise GateFailed(
                f"job {mark.runs} was interrupted: {health.explain(there)}",
                detail=self._last_lines(there),
            )
        recreate = (mark.runs,) if there is not None else ()
        self.workloads.start(owner.stack, (mark.runs,), slot, recreate)

    def _await(self, mark: JobMark, config: str, step: JobStep) -> None:
        end = time.monotonic() + step.deadline
        told = False
        with self.workloads.watch(self.project) as watch:
            while True:
                container = self._container(mark.runs, config, step.slot)
                if container is None:
                    raise GateFailed(f"job {mark.runs} has no container any more")
                if container.state in ("exited", "dead"):
                    self._judge(mark, container)
                    return
                left = end - time.monotonic()
                if left <= 0:
                    lines = self._last_lines(container)
                    what = f"job {mark.runs} did not end within {step.deadline:g} s"
                    raise GateFailed(what, detail=lines)
                if not told:
                    self.observer.waiting(f"{mark.runs} is at work; Ctrl-C waits for its end")
                    told = True
                watch.wait(min(left, _RELOOK))

    def _judge(self, mark: JobMark, container: Instance) -> None:
        lines = self._last_lines(container)
        if not container.succeeded:
            what = f"job {mark.runs} failed: exit code {container.exit_code}"
            raise GateFailed(what, detail=lines)
        self.observer.note(f"{mark.runs} ended with 0")

    def _last_lines(self, container: Instance) -> tuple[str, ...]:
        """Keep its log as evidence, and return the last lines of it for a message."""
        logged = self.workloads.logs(container, _KEPT_LINES)
        self.keep_log(container.service, logged)
        shown = [f"  {health.in_a_line(line)}" for line in logged[-_SHOWN_LINES:]]
        return (f"last log lines of {container.service}:", *(shown or ["  (none)"]))

    def _container(self, service: str, config: str, slot: str) -> Instance | None:
        running = self.workloads.observe(self.project)
        own = [c for c in running.of(service, slot) if c.config == config]
        return max(own, key=lambda c: c.created, default=None)


def log_keeper(site: Site, record: Record) -> KeepLog:
    """What keeps the logs of an operation's jobs: a file for each, beside its deployment's values.

    Args:
        site: where.
        record: the operation.
    """
    folder = site.state.deployment(record.deployment).folder / "jobs"

    def keep(service: str, lines: Sequence[str]) -> None:
        text = visible(site.redact("".join(f"{line}\n" for line in lines)))
        site.state.write(folder / f"{service}.log", text.encode())

    return keep
