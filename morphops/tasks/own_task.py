"""Tasks that Invoke copies quickly.

Invoke makes deep copies of every task and of every option before it lists or runs a single one.
That is most of what our tasks would add to the time of `inv --list`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from invoke.parser.argument import Argument
from invoke.tasks import Task
from invoke.tasks import task as invoke_task


class OwnArgument(Argument):
    """An argument of which only the value is its own in a copy: nothing else ever changes."""

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnArgument:
        other = copy.copy(self)
        other._value = copy.copy(self._value)
        return other


class OwnTask(Task):  # type: ignore[type-arg]
    """A task of which only the help texts are its own in a copy: Invoke takes them out."""

    def __deepcopy__(self, memo: dict[int, Any]) -> OwnTask:
        other = copy.copy(self)
        other.help = dict(self.help)
        return other

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The arguments as Invoke wants them."""
        return [_own(argument) for argument in super().get_arguments(ignore_unknown_help)]


def _own(argument: Argument) -> OwnArgument:
    own = OwnArgument.__new__(OwnArgument)
    own.__dict__.update(argument.__dict__)
    return own


def task(*body: Any, **options: Any) -> Callable[..., Any]:
    """As `invoke.task`, for an `OwnTask`."""
    own: Callable[..., Any] = invoke_task(*body, **{"klass": OwnTask, **options})
    return own
