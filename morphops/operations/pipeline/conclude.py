"""Turns the outcome of an operation that did not succeed into its one message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from morphops.core.history import operations, recovery
from morphops.core.plan.plan import Plan
from morphops.core.release.digest import short
from morphops.errors import Interrupted, MorphopsError, RollbackFailed, RolledBack
from morphops.operations.pipeline import plan_view
from morphops.operations.pipeline.execute import Outcome
from morphops.site import Site


@dataclass(frozen=True, slots=True)
class _Failure:
    """What is known of an operation that failed.

    `aborting`: whether its plan was itself the rollback of an incomplete operation.
    """

    site: Site
    plan: Plan
    outcome: Outcome
    error: MorphopsError
    aborting: bool

    @property
    def what(self) -> str:
        if self.aborting:
            return f"the rollback failed: {self.error.what}"
        if self.plan.release:
            return f"release {short(self.plan.release)} failed: {self.error.what}"
        return self.error.what

    @property
    def what_runs(self) -> str:
        """What runs now, by asking; that it cannot be told is an answer too."""
        try:
            running = self.site.platform.workloads.observe(self.site.bundle.project)
        except MorphopsError as err:
            return f"unknown, since the engine does not say: {err.what}"
        rows = [
            f"{c.service} of {short(c.release)} is {c.state}, {c.health}"
            for c in running.containers
        ]
        return "; ".join(rows) or "nothing runs"

    @property
    def has_record(self) -> bool:
        """Whether there is a release of record, which `inv up` would start."""
        try:
            return operations.deployment_of_record(self.site.history.past()) is not None
        except MorphopsError:
            return False

    @property
    def again(self) -> str:
        """What brings back a state that is known."""
        return "inv up --reason=…   (the release of record)" if self.has_record else "inv down"

    def ends(
        self, state: str, hint: str, *more: str, kind: type[MorphopsError] = RollbackFailed
    ) -> MorphopsError:
        detail = (*self.error.detail, *more)
        return kind(self.what, detail=detail, state=state, hint=hint)


def failure(site: Site, plan: Plan, outcome: Outcome, *, aborting: bool = False) -> MorphopsError:
    """The error that the caller of a failed operation is told; its class decides the exit code.

    Args:
        site: asked what runs now, where that is in doubt.
        plan: the plan that failed.
        outcome: how.
        aborting: whether the plan was the rollback of an incomplete operation.
    """
    if outcome.error is None:
        raise AssertionError("an operation failed without an error")
    failed = _Failure(site, plan, outcome, outcome.error, aborting)
    return _BY_KIND[outcome.kind](failed)


def _refused(failed: _Failure) -> MorphopsError:
    error = failed.error
    return error.with_(state=error.state or "no container was touched")


def _rolled_back(failed: _Failure) -> MorphopsError:
    undo, error = failed.plan.undo, failed.error
    state = (
        f"release {short(undo.release)} runs again, and its probes pass"
        if undo and undo.release
        else "what was started is removed again; nothing runs"
    )
    if names := failed.outcome.stays:
        state += f"; {plan_view.stays(names)}"
    if isinstance(error, Interrupted):
        return error.with_(state=state, hint="inv status")
    return failed.ends(state, "inv status; inv history", kind=RolledBack)


def _incomplete(failed: _Failure) -> MorphopsError:
    undo = failed.outcome.undo_error
    return failed.ends(
        "it is neither finished nor undone: the engine does not answer",
        f"inv host.check; inv status; then {recovery.NEXT}",
        *([f"the rollback: {undo.what}"] if undo else []),
    )


def _failed(failed: _Failure) -> MorphopsError:
    plan, undo_error = failed.plan, failed.outcome.undo_error
    if not plan.release:
        hint = "inv status; then inv down again" + (", or inv up" if failed.has_record else "")
        return failed.ends(f"not everything was stopped: {failed.what_runs}", hint)
    if failed.aborting:
        hint = f"inv status; inv logs; call a person; then {failed.again}"
        return failed.ends(failed.what_runs, hint)
    if undo_error is not None:
        more = (f"the rollback failed too: {undo_error.what}", *undo_error.detail)
        return failed.ends(failed.what_runs, "inv status; inv logs; call a person", *more)
    if plan.undo is not None:
        return failed.ends(failed.what_runs, "inv status; inv logs; call a person")
    if isinstance(failed.error, Interrupted) and not plan.changed:
        state = f"nothing was changed: {failed.what_runs}"
        return failed.error.with_(state=state, hint="inv status")
    hint = f"inv logs; {failed.again}, or deploy another one"
    return failed.ends(f"nothing was undone: {failed.what_runs}", hint)


_BY_KIND: Mapping[str, Callable[[_Failure], MorphopsError]] = {
    "refused": _refused,
    "rolled back": _rolled_back,
    "incomplete": _incomplete,
    "failed": _failed,
}
