"""Decides what a run of a runbook's section does next. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from morphops.core.runbook.model import Runbook, Step


@dataclass(frozen=True, slots=True)
class Do:
    """Do a step in its turn.

    Attributes:
        step: to do.
        number: its place in the section, from 1.
    """

    step: Step
    number: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Pass over a step that an earlier part of the run did.

    Attributes:
        step: that passed.
        number: its place in the section, from 1.
    """

    step: Step
    number: int


@dataclass(frozen=True, slots=True)
class Offer:
    """Offer the step that a failed one names.

    Attributes:
        step: to offer.
        failed: the step that failed.
    """

    step: Step
    failed: Step


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop: a step failed."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Finish: each step passed."""


Action: TypeAlias = Do | Skip | Offer | Stop | Finish


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is.

    Attributes:
        book, section: what is run.
        before: names of the steps that passed before the run was resumed.
        done: how many steps of the section are done or passed over.
        failed: the step that failed.
        offered: whether the step that it names was offered.
    """

    book: Runbook
    section: str
    before: frozenset[str] = frozenset()
    done: int = 0
    failed: Step | None = None
    offered: bool = False

    def after(self, action: Action, *, passed: bool = True) -> State:
        """Returns the state after an action.

        Args:
            action: that was done.
            passed: whether its step passed.
        """
        match action:
            case Offer():
                return replace(self, offered=True)
            case Do(step) if not passed:
                return replace(self, failed=step)
            case Do() | Skip():
                return replace(self, done=self.done + 1)
        return self


def next_action(state: State) -> Action:
    """Returns what a run does next.

    A failed step stops the run; before that, the step is offered that its `on-fail` names.
    """
    if state.failed:
        if state.failed.on_fail and not state.offered:
            return Offer(state.book.step(state.failed.on_fail), state.failed)
        return Stop()
    steps = state.book.procedure(state.section)
    if state.done == len(steps):
        return Finish()
    step, number = steps[state.done], state.done + 1
    return Skip(step, number) if step.name in state.before else Do(step, number)
