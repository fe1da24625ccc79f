"""Commands of runbooks: the words after `inv`, and what there is to know of tasks. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|\$\{\w+\}")
_EXPANDED = re.compile(r"[*?\[]|(?:^|(?<=[\s=:]))~\S*|\{[^{}]*(?:,|\.\.)[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Call:
    """A command that was understood.

    Attributes:
        task: its name.
        options: what was given.
    """

    task: str
    options: Mapping[str, Any]


class TaskIndex(Protocol):
    """The tasks that there are; `adapters.invoke_tasks` has Invoke's."""

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
        """Understand the words after `inv`, without running them.

        Raises:
            ValueError: they are not one command that this project has; the text says why.
        """


def split(command: str) -> tuple[str, ...]:
    """The words after `inv`.

    Raises:
        ValueError: it is no `inv` command, or has something in it that only a shell understands.
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
