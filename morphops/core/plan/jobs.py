"""Which jobs a plan runs, and which it takes back. Pure.

A job runs once for each configuration: its image, its settings and its values. That it ran is known
from the history, and from a container that ended with 0 and was made from that configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from morphops.core import jobs
from morphops.core.bundle.schema import Job
from morphops.core.history.jobs import JobMark, JobRun
from morphops.core.plan.desired import Desired, Situation
from morphops.core.plan.reasons import Reason
from morphops.core.plan.steps import Remove, RunJob, Step, UndoJob
from morphops.core.stack import Instance, Running, Service
from morphops.core.verify import health

# In these it is at work, or will be.
AT_WORK = ("running", "restarting", "paused", "created")


def due(desired: Desired, situation: Situation) -> dict[str, RunJob]:
    """The jobs that a plan runs: job → its step."""
    if not desired.runs_jobs:
        return {}
    known = situation.jobs
    interrupted = {mark.service for mark in known.interrupted if not mark.undoes}
    return {
        name: step_of(desired.services[name], job, resumed=name in interrupted)
        for name, job in jobs.of(desired.services).items()
        if name in desired.jobs_again or _is_due(desired.services[name], job, situation)
    }


def _is_due(service: Service, job: Job, situation: Situation) -> bool:
    if service.name in situation.jobs.passed:
        return False
    return job.run == "always" or not has_run(service, situation.running, situation.jobs.runs)


def has_run(service: Service, running: Running, runs: Iterable[JobRun]) -> bool:
    """Whether a job ran with this configuration, and was not taken back.

    Args:
        service: the job.
        running: what is there.
        runs: what the history knows.
    """
    for run in runs:
        if (run.service, run.config) == (service.name, service.config):
            return not run.undone
    return any(container.succeeded for container in made_from(service, running))


def made_from(service: Service, running: Running) -> tuple[Instance, ...]:
    """The containers of a service that were made from its configuration."""
    return tuple(c for c in running.of(service.name) if c.config == service.config)


def step_of(
    service: Service, job: Job, *, resumed: bool = False, if_undone: bool = False
) -> RunJob:
    """The step that runs a job."""
    return RunJob(mark_of(service, job), job.deadline, resumed=resumed, if_undone=if_undone)


def mark_of(service: Service, job: Job) -> JobMark:
    """What the history keeps of a job that runs."""
    return JobMark(
        service=service.name,
        config=service.config,
        undo=job.undo,
        reversible=job.reversible,
        repeatable=job.repeatable,
    )


def taken_back(
    services: Mapping[str, Service], names: Collection[str], interrupted: Collection[JobMark] = ()
) -> tuple[UndoJob, ...]:
    """The steps that take back what some jobs did, the last one first.

    Args:
        services: of the release that is left.
        names: the jobs that ran for it.
        interrupted: what was begun of this before an interruption.
    """
    resumed = {mark.service for mark in interrupted if mark.undoes}
    found = []
    for name, job in jobs.of(services).items():
        if name in names and job.undo:
            mark = replace(mark_of(services[name], job), undoes=True)
            found.append(UndoJob(mark, job.deadline, resumed=name in resumed))
    return tuple(reversed(found))


def with_removals(takes_back: tuple[UndoJob, ...], others: Iterable[str] = ()) -> tuple[Step, ...]:
    """These steps, and then what is left of their containers removed.

    The job's own container goes as well: that it ended with 0 is no longer true of the data.

    Args:
        takes_back: the steps.
        others: services that are removed as well, once nothing that takes back may need them.
    """
    left = [name for step in takes_back for name in (step.mark.undo, step.mark.service)]
    names = tuple(dict.fromkeys((*left, *others)))
    return (*takes_back, Remove(names)) if names else ()


def irreversible(steps: Iterable[Step]) -> tuple[str, ...]:
    """The jobs of a plan that an automatic rollback does not take back."""
    return tuple(
        step.mark.service
        for step in steps
        if isinstance(step, RunJob) and not step.mark.reversible and not step.mark.undo
    )


def findings(desired: Desired) -> Iterator[str]:
    """Yield what does not fit: what waits for no job, or would wait for ever."""
    services, waves = desired.services, desired.bundle.waves
    place = {
        name: (number, position)
        for number, wave in enumerate(waves)
        for position, name in enumerate(wave.services)
    }
    for name, service in services.items():
        here = place.get(name, (0, 0))
        for other in sorted(service.waits_for_completion):
            there = place.get(other, (0, 0))
            if other not in services:
                yield f"{name}: waits for {other} to end, and the release has no such service"
            elif there[0] > here[0] or (there[0] == here[0] and not _before(service, there, here)):
                yield f"{name}: waits for {other} to end; put {other} in an earlier wave"
    for name, job in jobs.of(services).items():
        yield from _job_findings(services[name], job, desired, place)


def _before(service: Service, there: tuple[int, int], here: tuple[int, int]) -> bool:
    """Whether a job may wait for one of its own wave: jobs run in the order in which they stand."""
    return service.job is not None and there < here


def _job_findings(
    service: Service, job: Job, desired: Desired, place: Mapping[str, tuple[int, int]]
) -> Iterator[str]:
    name = service.name
    if policy := jobs.started_again(service):
        yield f'{name}: is a job, and restart: {policy} would start it again; write restart: "no"'
    if service.replicas != 1:
        yield f"{name}: is a job, and has a scale of {service.replicas}; a job runs once"
    if job.undo and job.undo not in desired.undoing:
        yield (
            f"{name}: its undo {job.undo} is no service of the compose files; "
            f"with a profile it needs profiles: [{jobs.UNDO_PROFILE}]"
        )
    for other in sorted(service.depends_on & desired.services.keys()):
        if place.get(other, (0, 0))[0] > place.get(name, (0, 0))[0]:
            yield f"{name}: depends on {other}, which is in a later wave"


def unknown(desired: Desired) -> Iterator[Reason]:
    """Jobs that are to run once more, and that the release does not have."""
    known = jobs.of(desired.services).keys()
    if names := sorted(desired.jobs_again - known):
        yield Reason(
            what=f"the release has no job {', '.join(names)}",
            detail=(f"its jobs: {', '.join(known) or 'none'}",),
            hint="correct --run-job",
            wrong=True,
        )


def interrupted(marks: Iterable[JobMark], running: Running) -> Iterator[Reason]:
    """Jobs that were interrupted, and may not run once more.

    One that is still at work is waited for, and one that ended well meanwhile counts.
    """
    for mark in marks:
        why = "" if mark.repeatable else unknown_end(mark, running)
        if why:
            yield Reason(
                what=f"the job {mark.runs} was interrupted, and may not run once more: {why}",
                detail=("what it did by then is not known; look at its log, and at the data",),
                hint=f"inv logs --service={mark.runs}; then inv abort   (go back), and inv deploy "
                "runs it again; where that does no harm, write repeatable: true in the bundle",
            )


def half_undone(marks: Iterable[JobMark], running: Running) -> tuple[JobMark, ...]:
    """Of what was interrupted, what had begun to take back what a job did, and can be finished."""
    return tuple(
        mark
        for mark in marks
        if mark.undoes
        and (mark.started or running.of(mark.undo))
        and (mark.repeatable or not unknown_end(mark, running))
    )


def unknown_end(mark: JobMark, running: Running) -> str:
    """Why it is not known what a job that was begun has done; empty where that is known."""
    there = running.of(mark.runs)
    own = there if mark.undoes else tuple(c for c in there if c.config == mark.config)
    if not own:
        # Its container takes the place of the one before: while that is there, nothing ran.
        return "its container is gone" if mark.started and not there else ""
    if any(c.succeeded or c.state in AT_WORK for c in own):
        return ""
    return health.explain(own[0])
