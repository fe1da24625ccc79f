"""A name or path that may stand after a task without its option, and may be left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

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
        # Of `--template server-a` the second word is the option's.
        takes = {
            ("--" if len(name) > 1 else "-") + name.replace("_", "-")
            for argument in arguments
            if argument.takes_value
            for name in argument.names
        }
        words = list(sys.argv[1:] if self.typed is None else self.typed)
        words = words[: words.index("--")] if "--" in words else words
        # In its group it is called by a dot.
        called = [word.replace(".", "_") for word in words]
        if self.name not in called:
            return False
        rest = words[called.index(self.name) + 1 :]
        return any(
            not word.startswith("-") and before not in takes
            for before, word in zip(["", *rest], rest, strict=False)
        )
