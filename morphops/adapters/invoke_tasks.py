"""The tasks that there are, as Invoke sees them; commands are read by Invoke's own parser."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from morphops.core.runbook.commands import Call
from morphops.core.task_traits import Changes, Numbers
from morphops.errors import ConfigError, InputError


class InvokeTasks:
    """The task collection of a project; a `TaskIndex`.

    Args:
        collection: Invoke's.
    """

    def __init__(self, collection: Any) -> None:
        # Invoke takes the help texts out of the tasks when it makes contexts of them.
        self._tasks = tasks = copy.deepcopy(collection)
        for name in tasks.task_names:
            tasks[name].typed = ()  # what was typed to us says nothing of the commands read here
        contexts = tasks.to_contexts()
        self._contexts = {context.name: context for context in contexts}
        self._changes: dict[str, Changes] = {
            name: getattr(collection[name].body, "changes", Changes())
            for name in collection.task_names
        }
        self._numbers: dict[str, Numbers] = {
            name: getattr(collection[name].body, "numbers", Numbers({}))
            for name in collection.task_names
        }

    @classmethod
    def load(cls, folder: Path) -> InvokeTasks:
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

    def no_flag(self, task: str, words: Sequence[str]) -> str:
        """The first word that looks like an option that the task does not have; empty for none."""
        known = {*self._contexts[task].flags, *self._contexts[task].inverse_flags, "--help", "-h"}
        flags = (word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word))
        return next((flag for flag in flags if flag not in known), "")

    def changes(self, call: Call) -> bool:
        """Whether this call changes something."""
        return self._changes[call.task].by(call.options)

    def read(self, words: Sequence[str]) -> Call:
        """Understand the words after `inv`, without running them.

        Raises:
            ValueError: it is not one Invoke command that this project has; the text says why.
        """
        from invoke.exceptions import ParseError
        from invoke.parser import Parser

        # Invoke's parser copies every task that it is given, for each command that it reads.
        named = [
            self._typed(c.name, c.aliases, words)
            for c in self._contexts.values()
            if {c.name, *c.aliases} & {*words}
        ]
        try:
            calls = Parser(contexts=named).parse_argv(list(words))
        except ParseError as err:
            raise ValueError(str(err)) from None
        if len(calls) != 1:
            raise ValueError(f"is {len(calls)} tasks in one command")
        given = {name: arg.value for name, arg in calls[0].args.items() if arg.got_value}
        task = str(calls[0].name)
        try:
            self._numbers[task].of({name.replace("-", "_"): given[name] for name in given})
        except InputError as err:
            raise ValueError(err.what) from None
        return Call(task, given)

    def _typed(self, name: str, aliases: Sequence[str], words: Sequence[str]) -> Any:
        """What Invoke knows of a task where just these words are typed."""
        from invoke.parser.context import ParserContext

        task = self._tasks[name]
        task.typed = words
        return ParserContext(name=name, aliases=aliases, args=task.get_arguments())
