"""A name or path that may stand after a task without its option, and may be left out."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from invoke.parser.argument import Argument

from morphops.tasks.own_task import OwnTask


class MayBeNamed(OwnTask):
    """A task whose first argument may be left out; positional where anything stands after the task.

    Invoke knows no such thing: of `inv runbook.check rollback` it would check every runbook, and
    then roll back.

    Attributes:
        typed: the command line; None: that of this process.
    """

    typed: Sequence[str] | None = None

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The arguments as Invoke wants them, with the first to be filled from what was typed."""
        arguments: list[Argument] = super().get_arguments(ignore_unknown_help)
        if self._is_followed(arguments):
            arguments[0].positional, arguments[0].default = True, None
        return arguments

    def _is_followed(self, arguments: Sequence[Argument]) -> bool:
        """Whether something other than an option stands after the task; a second task does, too."""
        return followers(self.name, arguments, self.typed) > 0


class TakesNames(OwnTask):
    """A task whose first argument is every word that stands after the task and is no option.

    So no other task can follow it on the command line. What the task's body is given is a list.

    Attributes:
        typed: see `MayBeNamed`.
    """

    typed: Sequence[str] | None = None

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The arguments as Invoke wants them: one more positional one for each further word."""
        arguments: list[Argument] = super().get_arguments(ignore_unknown_help)
        number = followers(self.name, arguments, self.typed)
        if not number:
            return arguments
        first, *rest = arguments
        first.positional, first.default = True, None
        more = [
            Argument(names=(f"{first.name}-{n}",), positional=True, help=first.help)
            for n in range(2, number + 1)
        ]
        return [first, *more, *rest]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the body with all names in one list."""
        _, first, *_ = inspect.signature(self.body).parameters
        given = [kwargs.pop(first, None)]
        more = sorted((k for k in kwargs if k.startswith(f"{first}-")), key=_number)
        given += [kwargs.pop(key) for key in more]
        return super().__call__(*args, **{first: [name for name in given if name], **kwargs})


def _number(key: str) -> int:
    return int(key.rpartition("-")[2])


def followers(name: str, arguments: Sequence[Argument], typed: Sequence[str] | None) -> int:
    """How many words stand after a task that are neither options nor values of options.

    Args:
        name: of the task.
        arguments: that it has.
        typed: the command line; None: that of this process.
    """
    # Of `--template server-a` the second word is the option's.
    takes = {
        ("--" if len(name) > 1 else "-") + name.replace("_", "-")
        for argument in arguments
        if argument.takes_value
        for name in argument.names
    }
    words = list(sys.argv[1:] if typed is None else typed)
    words = words[: words.index("--")] if "--" in words else words
    # In its group it is called by a dot.
    called = [word.replace(".", "_") for word in words]
    if name not in called:
        return 0
    rest = words[called.index(name) + 1 :]
    return sum(
        not word.startswith("-") and before not in takes
        for before, word in zip(["", *rest], rest, strict=False)
    )


def after_dashes(remainder: str = "") -> tuple[str, ...]:
    """The words after `--`, as they were typed: Invoke joins them, and so loses where each ends.

    Args:
        remainder: what Invoke says; used where this process was not started with it.
    """
    words = sys.argv[1:]
    if "--" in words:
        return tuple(words[words.index("--") + 1 :])
    return tuple(shlex.split(remainder))
