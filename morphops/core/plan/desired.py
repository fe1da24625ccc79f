"""What is to run, and what is there: the two values that every plan is decided from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from morphops.core.bundle.schema import Bundle
from morphops.core.history.jobs import JobMark, JobRun
from morphops.core.outside import AS_NEEDED, Outside
from morphops.core.plan.changes import NOTHING, Before
from morphops.core.plan.steps import UndoJob
from morphops.core.release.release import Release
from morphops.core.stack import Running, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """A release with its values, as the platform would start it.

    Attributes:
        bundle: the release's own.
        release: what is to run.
        services: as the platform renders them, by name.
        deployment: number of the deployment that holds the files and values.
        approved: names of the invariants that may be broken.
        undoing: the services that only take back what a job did.
        runs_jobs: whether jobs that are due run: in a deploy, and in nothing else.
        jobs_again: jobs that run although they ran.
        takes_back: what jobs of the release that is left did, and is taken back first.
    """

    bundle: Bundle
    release: Release
    services: Mapping[str, Service]
    deployment: int
    approved: frozenset[str] = frozenset()
    undoing: Mapping[str, Service] = field(default_factory=dict)
    runs_jobs: bool = True
    jobs_again: frozenset[str] = frozenset()
    takes_back: tuple[UndoJob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsKnown:
    """What the history knows of jobs.

    Attributes:
        runs: those that ended well.
        passed: of the operation that is taken up again, those that it ran already.
        interrupted: likewise, what it began, and of which it does not say how it came out.
    """

    runs: tuple[JobRun, ...] = ()
    passed: frozenset[str] = frozenset()
    interrupted: tuple[JobMark, ...] = ()


NO_JOBS = JobsKnown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is there, from one look.

    Attributes:
        running: every container of the project.
        networks: the project's networks: name → the `Network.config` that each was made with.
        taken: (host, port, protocol) of the wanted ports that are taken, by the project itself
            included; empty where the ports are of another machine.
        outside: what is wrong with what the stack does not make itself.
        before: what is known of what runs, for the changes.
        jobs: what the history knows of jobs.
    """

    running: Running = field(default_factory=Running)
    networks: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[tuple[str, int, str]] = frozenset()
    outside: Outside = AS_NEEDED
    before: Before = NOTHING
    jobs: JobsKnown = NO_JOBS
