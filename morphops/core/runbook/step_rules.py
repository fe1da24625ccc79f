"""What each step of a runbook must be, as a table of rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from morphops.core.jmespath import syntax_error
from morphops.core.rule import Breach, Rule
from morphops.core.runbook import commands
from morphops.core.runbook.commands import Call, TaskIndex
from morphops.core.runbook.model import Runbook, Step

Broken: TypeAlias = Iterator[Breach[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInBook:
    """A step, beside the others and the tasks.

    Attributes:
        book: the runbook.
        step: of it.
        tasks: the tasks that exist.
        call: the task that the step calls; None for a manual step or a malformed command.
        undeclared: the input that its command uses and the runbook does not declare.
        malformed: why its command cannot be read.
    """

    book: Runbook
    step: Step
    tasks: TaskIndex
    call: Call | None = None
    undeclared: str = ""
    malformed: str = ""

    @property
    def above(self) -> Mapping[str, Step]:
        """The steps above it in its section, by name."""
        return {
            step.name: step
            for step in self.book.steps
            if step.line < self.step.line and step.section == self.step.section
        }

    def breach(self, **words: object) -> Breach[int]:
        """Returns a breach at the step's line."""
        return Breach(self.step.line, {"step": self.step.name, **words})


def call_of(book: Runbook, step: Step, tasks: TaskIndex) -> Call:
    """Returns the task that a step calls, with a sample for each input.

    Raises:
        KeyError: an input that the runbook does not declare.
        ValueError: its command is not a command of this project; the text says why.
    """
    return tasks.read(commands.words(step.command, commands.samples(book.inputs)))


def in_book(book: Runbook, step: Step, tasks: TaskIndex) -> StepInBook:
    """Returns a step beside the others and the tasks, with its command read."""
    if step.manual:
        return StepInBook(book=book, step=step, tasks=tasks)
    try:
        call = call_of(book, step, tasks)
    except KeyError as err:
        return StepInBook(book=book, step=step, tasks=tasks, undeclared=str(err.args[0]))
    except ValueError as err:
        return StepInBook(book=book, step=step, tasks=tasks, malformed=str(err))
    return StepInBook(book=book, step=step, tasks=tasks, call=call)


def _unknown_need(at: StepInBook) -> Broken:
    return (at.breach(need=name) for name in at.step.needs if name not in at.above)


def _unknown_on_fail(at: StepInBook) -> Broken:
    name = at.step.on_fail
    others = (step for step in at.book.steps if step is not at.step)
    if name and not any(o.name == name and o.section == at.step.section for o in others):
        yield at.breach(name=name)


def _no_section(at: StepInBook) -> Broken:
    if not at.step.section:
        yield at.breach()


def _undeclared_input(at: StepInBook) -> Broken:
    if at.undeclared:
        yield at.breach(input=at.undeclared)


def _malformed_command(at: StepInBook) -> Broken:
    if at.malformed:
        yield at.breach(command=at.step.command, why=at.malformed)


def _wrong_mutates(at: StepInBook) -> Broken:
    if at.call is None:
        return
    changes = at.tasks.changes(at.call)
    if changes != at.step.mutates:
        yield at.breach(
            task=at.call.task,
            does="changes" if changes else "does not change",
            has=str(at.step.mutates).lower(),
            should=str(changes).lower(),
        )


def _unchecked_change(at: StepInBook) -> Broken:
    if _changes_in_order(at) and all(s.mutates or s.manual for s in _needed(at.step, at.above)):
        yield at.breach()


def _change_without_on_fail(at: StepInBook) -> Broken:
    if _changes_in_order(at) and not at.step.on_fail:
        yield at.breach()


def _malformed_json(at: StepInBook) -> Broken:
    for expression in at.step.json if at.call else ():
        if why := syntax_error(expression):
            yield at.breach(expression=expression, why=why)


def _no_json(at: StepInBook) -> Broken:
    if at.call and at.step.json and not at.tasks.takes(at.call.task, "json"):
        yield at.breach(task=at.call.task)


def _changes_in_order(at: StepInBook) -> bool:
    """Whether a step changes something in its own turn, and not because another one failed."""
    return at.call is not None and at.step.mutates and not at.step.on_failure_only


def _needed(step: Step, above: Mapping[str, Step]) -> Iterator[Step]:
    """The steps that a step needs, and those that they need."""
    for name in step.needs:
        if name in above:
            yield above[name]
            yield from _needed(above[name], above)


RULES: tuple[Rule[StepInBook, int], ...] = (
    Rule(
        "",
        _unknown_need,
        "step {step}: needs={need} is not a step above it",
        "name one of the same section",
    ),
    Rule(
        "",
        _unknown_on_fail,
        "step {step}: on-fail={name} is not another step of this section",
        "name one that is",
    ),
    Rule("", _no_section, "step {step}: stands in no section", "put a heading ## above it"),
    Rule(
        "",
        _undeclared_input,
        "step {step}: ${input} is not an input",
        "declare it: inputs: {{{input}: {{about: …}}}}",
    ),
    Rule(
        "",
        _malformed_command,
        "step {step}: {command!r}: {why}",
        "write one `inv` command, see inv --list",
    ),
    Rule(
        "",
        _wrong_mutates,
        "step {step}: mutates={has}, but `inv {task}` {does} something",
        "write mutates={should}",
    ),
    Rule(
        "",
        _unchecked_change,
        "step {step}: changes something and needs no check before it",
        "write needs=A_CHECK, which is a task",
    ),
    Rule(
        "",
        _change_without_on_fail,
        "step {step}: changes something and has no on-fail",
        "write on-fail=STEP",
    ),
    Rule(
        "",
        _malformed_json,
        "step {step}: json: {expression}: {why}",
        "write a JMESPath expression",
    ),
    Rule("", _no_json, "step {step}: `inv {task}` has no --json", "expect its exit code only"),
)
