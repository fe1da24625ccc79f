"""What a task says of itself: whether it changes something, and which options are numbers. Pure.

These are named tuples because `inv --list` makes them: the class of a dataclass takes longer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from morphops.errors import InputError


class Numbers(NamedTuple):
    """The options of a task that are numbers, each with its default.

    A number is at least 1, or 0 where that is the default; None where something else decides.
    """

    defaults: Mapping[str, int | None]

    def of(self, options: Mapping[str, Any]) -> dict[str, int | None]:
        """Those of a call, read; what was not given is the default.

        Raises:
            InputError: a number that was given is not allowed.
        """
        found: dict[str, int | None] = {}
        for name, default in self.defaults.items():
            given = options.get(name)
            least = 0 if default == 0 else 1
            found[name] = default if given is None else whole_number(name, str(given), least)
        return found


class Changes(NamedTuple):
    """Whether a task changes something, and with which options it does not."""

    changes: bool = False
    unless: str = ""
    only: str = ""

    def by(self, options: Mapping[str, Any]) -> bool:
        """Whether a call with these options does."""
        if self.unless and options.get(self.unless):
            return False
        return self.changes and bool(not self.only or options.get(self.only))


def whole_number(option: str, text: str, least: int) -> int:
    """The number that was typed for an option.

    Raises:
        InputError: it is none, or too small; the message names the option.
    """
    if re.fullmatch(r"-?[0-9]{1,9}", text) and int(text) >= least:
        return int(text)
    raise InputError(
        f"{_flag(option)}={text}: write a whole number, {least} or more",
        state="nothing was changed",
    )


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")
