"""Turns the outcome of an operation that did not succeed into its one message."""

from __future__ import annotations

from morphops.app.site import Site
from morphops.engine import Outcome
from morphops.errors import Interrupted, MorphopsError, RollbackFailed, RolledBack
from morphops.model import short
from morphops.plan import Plan


def failure(site: Site, todo: Plan, outcome: Outcome) -> MorphopsError:
    """What the caller of a failed operation is told.

    Args:
        site: asked what runs now, where that is in doubt.
        todo: the plan that failed.
        outcome: how.

    Returns:
        the error to raise: its class decides the exit code.
    """
    error = outcome.error
    if error is None:
        raise AssertionError("an operation failed without an error")
    what = f"release {short(todo.release)} failed: {error.what}"
    if outcome.kind == "refused":
        error.state = error.state or "no container was touched"
        return error
    if outcome.kind == "rolled back":
        state = _back(todo)
        if isinstance(error, Interrupted):
            return Interrupted(
                error.what, signum=error.exit_code - 128, state=state, hint="inv status"
            )
        return RolledBack(what, detail=error.detail, state=state, hint="inv status; inv history")
    details = list(error.detail)
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


def _what_runs(site: Site) -> str:
    try:
        running = site.target.observe(site.bundle.project)
    except MorphopsError as err:
        return f"unknown, since the engine does not say: {err.what}"
    rows = [
        f"{c.service} of {short(c.release)} is {c.state}, {c.health}" for c in running.containers
    ]
    return "; ".join(rows) or "nothing runs"
