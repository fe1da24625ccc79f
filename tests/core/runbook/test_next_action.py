"""What a run of a runbook does next, as a table: no site, no terminal, no process."""

from __future__ import annotations

import pytest

from morphops.core.runbook import parse
from morphops.core.runbook.model import Runbook
from morphops.core.runbook.next_action import Do, Finish, Offer, Skip, State, Stop, next_action

STEP = """
### {name}

```sh {{name={name} {more}}}
inv status
```

Expect:

- exit: 0
"""


def book() -> Runbook:
    steps = (
        STEP.format(name="look", more=""),
        STEP.format(name="change", more="on-fail=undo"),
        STEP.format(name="undo", more="when=failure"),
        STEP.format(name="watch", more=""),
    )
    return parse.parse("# B\n\n## All\n" + "".join(steps), "b", "b.md")


def run(*, failing: tuple[str, ...] = (), before: tuple[str, ...] = ()) -> list[str]:
    """The actions of a whole run, in which some steps fail."""
    state, words = State(book(), "all", frozenset(before)), []
    while True:
        action = next_action(state)
        match action:
            case Do(step, number):
                words.append(f"{number} {step.name}")
                state = state.after(action, passed=step.name not in failing)
            case Skip(step, number):
                words.append(f"{number} skip {step.name}")
                state = state.after(action)
            case Offer(step, failed):
                words.append(f"offer {step.name} for {failed.name}")
                state = state.after(action, passed=step.name not in failing)
            case Stop() | Finish():
                return [*words, type(action).__name__.lower()]


@pytest.mark.parametrize(
    ("failing", "before", "actions"),
    [
        ((), (), ["1 look", "2 change", "3 watch", "finish"]),
        ((), ("look", "change"), ["1 skip look", "2 skip change", "3 watch", "finish"]),
        # A step that passed is passed over in its place, whatever did not pass before it.
        ((), ("change",), ["1 look", "2 skip change", "3 watch", "finish"]),
        (("look",), (), ["1 look", "stop"]),
        (("change",), (), ["1 look", "2 change", "offer undo for change", "stop"]),
        # The step that is offered is offered once, whether it passes or not.
        (("change", "undo"), (), ["1 look", "2 change", "offer undo for change", "stop"]),
        (("change",), ("change",), ["1 look", "2 skip change", "3 watch", "finish"]),
    ],
)
def test_a_whole_run(failing: tuple[str, ...], before: tuple[str, ...], actions: list[str]) -> None:
    assert run(failing=failing, before=before) == actions


def test_a_section_without_steps_is_finished() -> None:
    assert next_action(State(book(), "other")) == Finish()
