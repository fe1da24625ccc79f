"""The tasks that there are, as Invoke sees them; commands are read by Invoke's own parser."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from morphops.cli import Changes
from morphops.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Call:
    """A command that was understood.

    Attributes:
        task: its name.
        options: what was given.
    """

    task: str
    options: Mapping[str, Any]


class Catalogue:
    """The task collection of a project.

    Args:
        collection: Invoke's.
    """

    def __init__(self, collection: Any) -> None:
        from invoke.parser import Parser

        # Invoke takes the help texts out of the tasks when it makes contexts of them.
        contexts = copy.deepcopy(collection).to_contexts()
        self._contexts = {context.name: context for context in contexts}
        self._parser = Parser(contexts=list(self._contexts.values()))
        self._changes: dict[str, Changes] = {
            name: getattr(collection[name].body, "changes", Changes())
            for name in collection.task_names
        }

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """The collection of the nearest tasks.py, from a folder upwards.

        Raises:
            ConfigError: there is none.
        """
        from invoke.collection import Collection
        from invoke.config import Config
        from invoke.exceptions import CollectionNotFound
        from invoke.loader import FilesystemLoader

        try:
            module, _ = FilesystemLoader(config=Config(), start=str(folder)).load("tasks")
        except CollectionNotFound:
            raise ConfigError(
                f"there is no tasks.py in {folder} or above it",
                hint="write one: from morphops.tasks import ns",
            ) from None
        return cls(Collection.from_module(module))

    @property
    def changing(self) -> tuple[str, ...]:
        """The tasks that change something, sorted."""
        return tuple(sorted(name for name, changes in self._changes.items() if changes.changes))

    def has(self, task: str) -> bool:
        """Whether there is a task of this name."""
        return task in self._contexts

    def takes(self, task: str, option: str) -> bool:
        """Whether a task has an option (`json`)."""
        return option in self._contexts[task].args

    def changes(self, call: Call) -> bool:
        """Whether this call changes something."""
        return self._changes[call.task].by(call.options)

    def read(self, words: Sequence[str]) -> Call:
        """Understand the words after `inv`, without running them.

        Raises:
            ValueError: it is not one Invoke command that this project has; the text says why.
        """
        from invoke.exceptions import ParseError

        try:
            calls = self._parser.parse_argv(list(words))
        except ParseError as err:
            raise ValueError(str(err)) from None
        if len(calls) != 1:
            raise ValueError(f"is {len(calls)} tasks in one command")
        given = {name: arg.value for name, arg in calls[0].args.items() if arg.got_value}
        return Call(str(calls[0].name), given)


def split(command: str) -> tuple[str, ...]:
    """The words after `inv`.

    Raises:
        ValueError: it is no `inv` command, or has something in it that only a shell understands.
    """
    if "`" in command or "$(" in command:
        raise ValueError("has a shell substitution")
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
