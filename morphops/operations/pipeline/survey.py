"""Looks at what runs, once, as far as what is to run makes it matter."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from morphops.core.history import jobs, operations
from morphops.core.history.operations import Past
from morphops.core.plan.changes import NOTHING, Before
from morphops.core.plan.desired import JobsKnown, Situation
from morphops.core.stack import LaunchConfig, Running
from morphops.errors import MorphopsError, PreconditionError
from morphops.operations.pipeline import inside, prepare, secrets
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.site import Site


def survey(
    site: Site,
    past: Past,
    running: Running,
    prepared: PreparedRelease,
    of_record: PreparedRelease | None,
) -> Situation:
    """What is there, for `decide`.

    Args:
        site: where.
        past: the history.
        running: what was observed.
        prepared: what is to run.
        of_record: the release of record with its values, where it was opened already.
    """
    workloads = site.platform.workloads
    shapes = workloads.launch_configs(running) if running.containers else {}
    running = inside.noticed(prepared, workloads, running, shapes)
    ports = [
        port
        for service in prepared.services.values()
        for port in chain(service.ports, *service.port_ranges)
    ]
    return Situation(
        running=running,
        networks=workloads.networks(site.bundle.project),
        taken=workloads.taken(ports),
        outside=workloads.outside(site.bundle.project, prepared.every),
        before=_before(site, past, running, of_record, shapes),
        jobs=_jobs(past),
    )


def _jobs(past: Past) -> JobsKnown:
    """What the history knows of jobs, and of those of the operation that is taken up again."""
    record = operations.incomplete_operation(past)
    return JobsKnown(
        runs=jobs.runs(past),
        passed=frozenset(jobs.passed(record)) if record else frozenset(),
        interrupted=jobs.interrupted(record) if record else (),
    )


def _before(
    site: Site,
    past: Past,
    running: Running,
    of_record: PreparedRelease | None,
    shapes: Mapping[str, LaunchConfig],
) -> Before:
    """What is known of what runs, as far as the changes of a plan have to tell it."""
    if not running.containers:
        return NOTHING
    of_record = of_record or _of_record(site, past)
    return Before(of_record.services if of_record else {}, shapes)


def _of_record(site: Site, past: Past) -> PreparedRelease | None:
    record = operations.deployment_of_record(past)
    if record is None:
        return None
    try:
        return prepare.reopen(site, site.state.deployment(record.deployment), record.release)
    except MorphopsError:
        return None  # its files are gone; then what runs has to speak for itself


def released(site: Site) -> PreparedRelease:
    """What should run, to be compared with what does.

    Raises:
        PreconditionError: nothing should: nothing was deployed yet, or it was stopped on purpose.
    """
    secrets.learn_secrets(site)
    past = site.history.past()
    record = operations.deployment_of_record(past)
    if record is None:
        raise PreconditionError(
            "there is no release of record here", hint="inv deploy --image=sha256:<release>"
        )
    project = site.bundle.project
    stop = operations.stop_of_record(past)
    if stop is not None and not site.platform.workloads.observe(project).containers:
        raise PreconditionError(
            f"{project} is down since {stop.ended}: inv down stopped it",
            state="nothing was changed",
            hint="inv up --reason=…",
        )
    return prepare.reopen(site, site.state.deployment(record.deployment), record.release)
