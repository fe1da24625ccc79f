"""What a platform promises of services that end."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from morphops.adapters.probes import ProbeContext
from morphops.core.bundle.schema import Job
from morphops.core.plan import jobs
from morphops.core.plan.steps import RunJob
from morphops.core.stack import Instance, Stack
from morphops.errors import GateFailed
from morphops.operations.pipeline.jobs import JobRunner, JobsDone
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.testing import RecordingObserver
from tests.contracts.place import LATER, PATIENCE, SECRET, Place
from tests.fakes import StepLog
from tests.samples.releases import BUNDLE
from tests.samples.releases import RELEASE as SAMPLE


@dataclass
class Runner:
    """Runs `once` on a place, and keeps what its log said."""

    place: Place
    logged: list[str] = field(default_factory=list)
    log: StepLog = field(default_factory=StepLog)

    def run(self, stack: Stack, job: Job, *, resumed: bool = False) -> None:
        workloads = self.place.client().workloads
        services = workloads.render(stack)
        context = ProbeContext(workloads, self.place.project, {})
        prepared = PreparedRelease(BUNDLE, SAMPLE, stack, services, context)
        step: RunJob = jobs.step_of(services["once"], job, resumed=resumed)
        self.log.begin(str(step), touches=True)
        JobRunner(
            workloads,
            self.place.project,
            RecordingObserver(),
            JobsDone(),
            self.log,
            lambda service, lines: self.logged.extend(lines),
        ).run(step, prepared, "")

    @property
    def once(self) -> Instance:
        return self.place.only("once")


JOB = Job(deadline=PATIENCE)


def test_it_runs_to_its_end_and_is_done(place: Place) -> None:
    runner, stack = Runner(place), place.stack(None, **place.job(0))
    runner.run(stack, JOB)
    assert (runner.once.state, runner.once.exit_code, runner.once.succeeded) == ("exited", 0, True)
    assert runner.once.ended[:2] == "20"
    assert runner.logged[0] == "starting"
    assert SECRET not in str(runner.logged)
    services = place.client().workloads.render(stack)
    assert jobs.has_run(services["once"], place.running, ())
    other = place.client().workloads.render(
        place.stack(None, **{**place.job(0), "TOKEN": "another"})
    )
    assert not jobs.has_run(other["once"], place.running, ())
    assert runner.log.steps == ["run job once", "wait for job once to end"]


def test_nothing_starts_it_again(place: Place) -> None:
    """Not what is started beside it, nor one that takes up what was interrupted."""
    runner = Runner(place)
    runner.run(place.stack(None, **place.job(0)), JOB)
    done = runner.once
    stack = place.stack(None, release=LATER, **place.job(0))
    place.client().workloads.start(stack, ["after", "b"])
    runner.run(stack, JOB, resumed=True)
    assert (runner.once.id, runner.once.ended) == (done.id, done.ended)
    assert place.only("after").state == "running"


def test_another_code_fails_with_its_last_lines(place: Place) -> None:
    with pytest.raises(GateFailed, match="job once failed: exit code 3") as failed:
        Runner(place).run(place.stack(None, **place.job(3)), JOB)
    assert "  starting" in failed.value.detail
    assert SECRET not in failed.value.message()
    assert (place.only("once").state, place.only("once").exit_code) == ("exited", 3)


def test_one_that_does_not_end_in_time_fails(place: Place) -> None:
    runner, stack = Runner(place), place.stack(None, **place.job(0, lasts=1000))
    with pytest.raises(GateFailed, match="job once did not end within"):
        runner.run(stack, Job(deadline=0.1))
    assert runner.once.state == "running"
    # It is waited for by who comes next; to remove it stops it.
    with pytest.raises(GateFailed, match="job once did not end within"):
        runner.run(stack, Job(deadline=0.1), resumed=True)
    place.client().workloads.remove(place.project, ["once"])
    assert place.running.of("once") == ()
