"""What a plan says before anything is done: to people, and to machines as docs/json.md has it."""

from __future__ import annotations

from typing import Any

from morphops.core.history import operations
from morphops.core.plan import changes
from morphops.core.plan.changes import Before
from morphops.core.plan.plan import Plan
from morphops.core.stack import Running
from morphops.errors import MorphopsError
from morphops.operations.pipeline import prepare
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.site import Site


def before(
    site: Site, ready: PreparedRelease, running: Running, of_record: PreparedRelease | None
) -> Before:
    """What is known of what runs, as far as the changes of a plan have to tell it.

    Args:
        site: where.
        ready: what is to run.
        running: what is there.
        of_record: the release of record with its values, where it was opened already.
    """
    if not running.containers:
        return changes.NOTHING
    of_record = of_record or _of_record(site)
    known = of_record.services if of_record else {}
    unknown = changes.undescribed(ready.services, running, known)
    shapes = site.target.launch_configs(unknown) if unknown.containers else {}
    return Before(known, shapes)


def _of_record(site: Site) -> PreparedRelease | None:
    record = operations.deployment_of_record(site.history.records())
    if record is None:
        return None
    try:
        return prepare.reopen(site, site.state.deployment(record.deployment), record.release)
    except MorphopsError:
        return None  # its files are gone; then what runs has to speak for itself


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
