"""What a plan says before anything is done: to people, and to machines."""

from __future__ import annotations

from collections.abc import Sequence

from morphops.core.jobs import staying
from morphops.core.plan.jobs import irreversible
from morphops.core.plan.plan import Plan
from morphops.core.plan.steps import RunJob
from morphops.core.results.deploy import (
    PlannedBeside,
    PlannedJob,
    PlannedUndo,
    PlannedWave,
    PlanResult,
    of_changes,
)
from morphops.operations.pipeline.prepare import PreparedRelease


def view(plan: Plan, ready: PreparedRelease, *, previous: str) -> PlanResult:
    """Return a plan as `--plan` shows it.

    Args:
        plan: the plan.
        ready: what its steps work on.
        previous: the release of record; empty for none.
    """
    stay = staying(ready.services)
    waves = tuple(
        PlannedWave(
            wave=number,
            services=tuple(name for name in present if name in stay),
            deadline=wave.deadline,
            probes=tuple(wave.probes),
            jobs=tuple(name for name in present if name not in stay),
        )
        for number, wave in enumerate(ready.bundle.waves, start=1)
        if (present := [name for name in wave.services if name in ready.services])
    )
    due = [step for step in plan.steps if isinstance(step, RunJob)]
    undo = None
    if plan.undo is not None:
        steps = tuple(str(step) for step in plan.undo.steps)
        undo = PlannedUndo(release=plan.undo.release, steps=steps)
    return PlanResult(
        project=ready.bundle.project,
        release=plan.release,
        previous=previous,
        changed=plan.changed,
        changes=of_changes(plan.changes),
        checks=tuple(ready.bundle.checks),
        waves=waves,
        steps=tuple(str(step) for step in plan.steps),
        undo=undo,
        jobs=tuple(
            PlannedJob(
                service=step.mark.service,
                deadline=step.deadline,
                repeatable=step.mark.repeatable,
                reversible=step.mark.reversible,
                undo=step.mark.undo,
            )
            for step in due
        ),
        warning=warning(plan),
        beside=tuple(
            PlannedBeside(path=place.path, kind=place.kind, where=place.where)
            for place in ready.beside.places
        ),
    )


def warning(plan: Plan) -> str:
    """What an automatic rollback of a plan does not bring back, in words; empty for nothing."""
    if plan.undo is None or not plan.undo.release:
        return ""
    names = irreversible(plan.steps)
    if not names:
        return ""
    return (
        "an automatic rollback brings back the code, and not the data: what "
        f"{' and '.join(names)} did to it stays"
    )


def stays(names: Sequence[str]) -> str:
    """Says that what some jobs did was not taken back."""
    return f"what {' and '.join(names)} did to the data stays"
