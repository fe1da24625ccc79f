"""Turns the outcome of an operation that did not succeed into its one message."""

from __future__ import annotations

from morphops.core.history import operations, recovery
from morphops.core.plan.plan import Plan
from morphops.core.release.digest import short
from morphops.errors import Interrupted, MorphopsError, RollbackFailed, RolledBack
from morphops.operations.pipeline.execute import Outcome
from morphops.site import Site


def failure(site: Site, todo: Plan, outcome: Outcome, *, aborting: bool = False) -> MorphopsError:
    """What the caller of a failed operation is told.

    Args:
        site: asked what runs now, where that is in doubt.
        todo: the plan that failed.
        outcome: how.
        aborting: whether the plan was the way back of an operation that was cut off.

    Returns:
        the error to raise: its class decides the exit code.
    """
    error = outcome.error
    if error is None:
        raise AssertionError("an operation failed without an error")
    what = f"release {short(todo.release)} failed: {error.what}" if todo.release else error.what
    if aborting:
        what = f"going back failed: {error.what}"
    if outcome.kind == "refused":
        error.state = error.state or "no container was touched"
        return error
    if outcome.kind == "rolled back":
        state = _back(todo)
        if isinstance(error, Interrupted):
            error.state, error.hint = state, "inv status"
            return error
        return RolledBack(what, detail=error.detail, state=state, hint="inv status; inv history")
    details = list(error.detail)
    if outcome.kind == "cut off":
        details += [f"going back: {outcome.undo_error.what}"] if outcome.undo_error else []
        return RollbackFailed(
            what,
            detail=tuple(details),
            state="it is neither finished nor undone: the engine does not answer",
            hint=f"inv host.check; inv status; then {recovery.NEXT}",
        )
    # `up` starts the release of record; where there is none, that is all it would say.
    has_record = _has_record(site)
    again = "inv up --reason=…   (the release of record)" if has_record else "inv down"
    if not todo.release:
        return RollbackFailed(
            what,
            detail=tuple(details),
            state=f"not everything was stopped: {_what_runs(site)}",
            hint="inv status; then inv down again" + (", or inv up" if has_record else ""),
        )
    if aborting:
        return RollbackFailed(
            what,
            detail=tuple(details),
            state=_what_runs(site),
            hint=f"inv status; inv logs; call a person; then {again}",
        )
    if todo.undo is None and outcome.undo_error is None:
        if isinstance(error, Interrupted) and not todo.changed:
            error.state, error.hint = f"nothing was changed: {_what_runs(site)}", "inv status"
            return error
        return RollbackFailed(
            what,
            detail=tuple(details),
            state=f"nothing was undone: {_what_runs(site)}",
            hint=f"inv logs; {again}, or deploy another one",
        )
    if outcome.undo_error is not None:
        details += [f"going back failed too: {outcome.undo_error.what}", *outcome.undo_error.detail]
    return RollbackFailed(
        what,
        detail=tuple(details),
        state=_what_runs(site),
        hint="inv status; inv logs; call a person",
    )


def _back(todo: Plan) -> str:
    if todo.undo and todo.undo.release:
        return f"release {short(todo.undo.release)} runs again, and its probes pass"
    return "what was started is removed again; nothing runs"


def _has_record(site: Site) -> bool:
    """Whether there is a release of record, which `inv up` would start."""
    try:
        return operations.deployment_of_record(site.history.records()) is not None
    except MorphopsError:
        return False


def _what_runs(site: Site) -> str:
    try:
        running = site.target.observe(site.bundle.project)
    except MorphopsError as err:
        return f"unknown, since the engine does not say: {err.what}"
    rows = [
        f"{c.service} of {short(c.release)} is {c.state}, {c.health}" for c in running.containers
    ]
    return "; ".join(rows) or "nothing runs"
