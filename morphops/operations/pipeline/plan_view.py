"""What a plan says before anything is done: to people, and to machines."""

from __future__ import annotations

from morphops.core.plan.plan import Plan
from morphops.core.results.deploy import PlannedUndo, PlannedWave, PlanResult, of_changes
from morphops.operations.pipeline.prepare import PreparedRelease


def view(plan: Plan, ready: PreparedRelease, *, previous: str, note: str = "") -> PlanResult:
    """Return a plan as `--plan` shows it.

    Args:
        plan: the plan.
        ready: what its steps work on.
        previous: the release of record; empty for none.
        note: what a person should know besides; empty for nothing.
    """
    waves = tuple(
        PlannedWave(
            wave=number, services=services, deadline=wave.deadline, probes=tuple(wave.probes)
        )
        for number, wave in enumerate(ready.bundle.waves, start=1)
        if (services := tuple(name for name in wave.services if name in ready.services))
    )
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
        notes=(note,) if note else (),
    )
