"""What a plan says before anything is done: to people, and to machines."""

from __future__ import annotations

from typing import Any

from morphops.core.plan.plan import Plan
from morphops.operations.pipeline.prepare import PreparedRelease


def view(todo: Plan, ready: PreparedRelease, *, previous: str) -> dict[str, Any]:
    """A plan as `--plan` shows it.

    Args:
        todo: the plan.
        ready: what its steps work on.
        previous: the release of record; empty for none.
    """
    waves = [
        {
            "wave": number,
            "services": services,
            "deadline": wave.deadline,
            "probes": list(wave.probes),
        }
        for number, wave in enumerate(ready.bundle.waves, start=1)
        if (services := [name for name in wave.services if name in ready.services])
    ]
    undo = None
    if todo.undo is not None:
        undo = {"release": todo.undo.release, "steps": [str(step) for step in todo.undo.steps]}
    return {
        "schema": 1,
        "state": "planned",
        "project": ready.bundle.project,
        "release": todo.release,
        "previous": previous,
        "changed": todo.changed,
        "changes": [change.as_json() for change in todo.changes],
        "checks": list(ready.bundle.checks),
        "waves": waves,
        "steps": [str(step) for step in todo.steps],
        "undo": undo,
    }
