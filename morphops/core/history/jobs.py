"""What the history knows of jobs: which ran, for which release, and what was taken back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from morphops.core.history.operations import Known, Record

# So many runs of one job are remembered; as many as a rollback can go back.
MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMark:
    """What a step says of the job that it runs, or takes back.

    Attributes:
        service: the job.
        config: digest of the configuration that it runs with.
        undo: the service that takes back what it does; empty for none.
        reversible: whether the release before works with what it does.
        repeatable: whether it may run once more where it was interrupted.
        undoes: whether the step is the one that takes it back.
        started: whether it was started by then: the step waits for its end.
    """

    service: str
    config: str
    undo: str = ""
    reversible: bool = False
    repeatable: bool = False
    undoes: bool = False
    started: bool = False

    @property
    def runs(self) -> str:
        """The service that the step runs."""
        return self.undo if self.undoes else self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """A job that ended well.

    Attributes:
        service, config, undo, reversible: see `JobMark`.
        release: for which it ran.
        operation: number of the operation that ran it.
        at: when it began; UTC, ISO 8601.
        undone: whether it was taken back since.
    """

    service: str
    config: str
    release: str
    operation: int
    at: str
    undo: str = ""
    reversible: bool = False
    undone: bool = False


def runs(known: Known) -> tuple[JobRun, ...]:
    """The last run of each job with each configuration, the oldest first."""
    from morphops.core.history.operations import is_end, past_of

    past = past_of(known)
    found = {(run.service, run.config): run for run in past.before.jobs}
    for record in past.records:
        if is_end(record):  # what they did is gone with the data
            found.clear()
        for run in _of(record):
            # Later ones last, also where there was one with the same configuration.
            found.pop((run.service, run.config), None)
            found[run.service, run.config] = run
    return _last(tuple(found.values()))


def _of(record: Record) -> Iterator[JobRun]:
    for mark, at in _ended(record):
        yield JobRun(
            service=mark.service,
            config=mark.config,
            release=record.release,
            operation=record.id,
            at=at,
            undo=mark.undo,
            reversible=mark.reversible,
            undone=mark.undoes,
        )


def _last(found: tuple[JobRun, ...]) -> tuple[JobRun, ...]:
    left: dict[str, int] = {}
    kept = []
    for run in reversed(found):
        left[run.service] = left.get(run.service, MOST) - 1
        if left[run.service] >= 0:
            kept.append(run)
    return tuple(reversed(kept))


def passed(record: Record) -> dict[str, str]:
    """The jobs that an operation ran to a good end: job → configuration; not what it undid."""
    found: dict[str, str] = {}
    for mark, _ in _ended(record):
        if mark.undoes:
            found.pop(mark.service, None)
        else:
            found[mark.service] = mark.config
    return found


def undone(record: Record) -> frozenset[str]:
    """The jobs that an operation took back, and did not run again."""
    found: set[str] = set()
    for mark, _ in _ended(record):
        change = found.add if mark.undoes else found.discard
        change(mark.service)
    return frozenset(found)


def _ended(record: Record) -> Iterator[tuple[JobMark, str]]:
    """What came to a good end, in order, each with when it began."""
    for step in record.steps:
        if step.job is not None and step.job.started and step.result == "ok":
            yield step.job, step.at


def interrupted(record: Record) -> tuple[JobMark, ...]:
    """The jobs that an operation began, and of which it does not say how they came out.

    One that was taken up again, and said it then, is none.
    """
    open_: dict[tuple[str, bool], JobMark] = {}
    for step in record.steps:
        if step.job is None:
            continue
        key = (step.job.service, step.job.undoes)
        open_.pop(key, None)
        if not step.result:
            open_[key] = step.job
        elif step.result == "ok" and not step.job.started:  # and then nothing was written any more
            open_[key] = replace(step.job, started=True)
    return tuple(open_.values())


def since(known: Known, target: Record) -> tuple[JobRun, ...]:
    """The jobs that ran since a deployment, and that the code before may not work with.

    Args:
        known: the history.
        target: the deployment to go back to.

    Returns:
        those that are not reversible, and were not taken back.
    """
    return tuple(
        run
        for run in runs(known)
        if run.operation > target.id and not run.reversible and not run.undone
    )
