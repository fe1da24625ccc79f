"""Commands of runbooks: the words after `inv`, their inputs, and what tasks exist. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from morphops.core.runbook.model import Input, Runbook, Step

_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|\$\{\w+\}")
_INPUT = re.compile(r"\$(?P<brace>\{)?(?P<name>[A-Za-z_]\w*)(?(brace)\})")
_EXPANDED = re.compile(r"[*?\[]|(?:^|(?<=[\s=:]))~\S*|\{[^{}]*(?:,|\.\.)[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Call:
    """A command, read.

    Attributes:
        task: its name.
        options: what was given.
    """

    task: str
    options: Mapping[str, Any]


class TaskIndex(Protocol):
    """The tasks that exist; `adapters.invoke_tasks` has Invoke's."""

    @property
    def changing(self) -> tuple[str, ...]:
        """The tasks that change something, sorted."""

    def has(self, task: str) -> bool:
        """Whether there is a task of this name."""

    def takes(self, task: str, option: str) -> bool:
        """Whether a task has an option (`json`)."""

    def no_flag(self, task: str, words: Sequence[str]) -> str:
        """The first of some words that looks like an option that the task does not have."""

    def changes(self, call: Call) -> bool:
        """Whether this call changes something."""

    def read(self, words: Sequence[str]) -> Call:
        """Returns the call that the words after `inv` make, without running it.

        Raises:
            ValueError: they are not one command of this project; the text says why.
        """


def split(command: str) -> tuple[str, ...]:
    """Returns the words after `inv`.

    Raises:
        ValueError: it is not an `inv` command, or needs a shell.
    """
    if "`" in command or "$(" in command:
        raise ValueError("has a shell substitution")
    if found := _EXPANDED.search(_QUOTED.sub("", command)):
        raise ValueError(f"has {found[0].strip()!r} in it, which a shell expands; quote it")
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = tuple(lexer)
    for word in words:
        if word and not word.strip("();<>|&"):
            raise ValueError(f"has the shell operator {word!r}")
    if not words or words[0] not in ("inv", "invoke"):
        raise ValueError("does not begin with inv")
    if len(words) < 2:
        raise ValueError("names no task")
    return words[1:]


def words(command: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the words after `inv` with the inputs filled in; a value stays one word.

    Raises:
        KeyError: an input that the runbook does not declare.
        ValueError: it is not an `inv` command, or has a `$` that is not an input.
    """
    found = split(command)
    for word in found:
        if "$" in _INPUT.sub("", word):
            raise ValueError(f"{word!r} has a $ that is not an input")
    return tuple(_INPUT.sub(lambda found: values[found["name"]], word) for word in found)


def inputs_of(book: Runbook, section: str) -> tuple[str, ...]:
    """Returns the inputs that a section's steps use, in the order of their declaration."""
    used = {name for s in book.steps if s.section == section for name in inputs_in(s)}
    return tuple(name for name in book.inputs if name in used)


def inputs_in(step: Step) -> tuple[str, ...]:
    """Returns the inputs that a step's command uses."""
    if step.manual:
        return ()
    return tuple(found["name"] for found in _INPUT.finditer(step.command))


def samples(inputs: Mapping[str, Input]) -> dict[str, str]:
    """Returns a value for each input, so that a command can be read before one is given."""
    return {name: spec.default or f"sample-{name}" for name, spec in inputs.items()}
