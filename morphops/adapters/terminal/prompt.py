"""Asks the person at the terminal; fails instead of waiting where stdin is not a terminal."""

from __future__ import annotations

import getpass
import shlex
import sys
from collections.abc import Mapping

from morphops.errors import InputError


class Prompt:
    """Questions on stderr, answers from stdin.

    Args:
        yes: every question is answered with yes already.
        signed_off: manual step → who signed it off before.

    Attributes:
        again: the command that goes on from here, to which an option is added in what is advised.
    """

    again = "the same command with"

    def __init__(self, *, yes: bool, signed_off: Mapping[str, str]) -> None:
        self.yes = yes
        self.signed_off = signed_off

    @property
    def options(self) -> tuple[str, ...]:
        """What was said on the command line, to say it again."""
        signed = (f"--sign-off={step}={name}" for step, name in self.signed_off.items())
        return (*(["--yes"] if self.yes else []), *map(shlex.quote, signed))

    @property
    def there(self) -> bool:
        """Whether a person can be asked."""
        return not self.yes and sys.stdin.isatty()

    def answer(self, question: str) -> str:
        """What the person says.

        Raises:
            InputError: stdin is not a terminal.
        """
        self._need_somebody(question, f"{self.again} --input=NAME=VALUE")
        return self._ask(f"{question}: ")

    def confirm(self, question: str, *, changes: bool) -> bool:
        """Whether the person agrees.

        Args:
            question: what to ask.
            changes: a yes changes something, so Enter is a no; elsewhere it is a yes.

        Raises:
            InputError: stdin is not a terminal, and `yes` was not given.
        """
        if self.yes:
            return True
        self._need_somebody(question, f"{self.again} --yes")
        choice, agrees = ("[y/N]", ("y", "yes")) if changes else ("[Y/n]", ("", "y", "yes"))
        return self._ask(f"{question} {choice} ").lower() in agrees

    def sign_off(self, step: str, what: str) -> str:
        """Who says that a manual step is done; empty for a no.

        Raises:
            InputError: stdin is not a terminal, and it was not signed off before.
        """
        if step in self.signed_off:
            return self.signed_off[step]
        hint = f"{self.again} --yes --sign-off={step}=NAME"
        if self.yes:
            raise InputError(f"step {step} is done by a person: {what}", hint=hint)
        self._need_somebody(f"step {step}", hint)
        name = self._ask(f"done? your name (default {getpass.getuser()}), or - for no: ")
        return "" if name == "-" else name or getpass.getuser()

    def _need_somebody(self, question: str, hint: str) -> None:
        if not sys.stdin.isatty():
            raise InputError(f"cannot ask, because stdin is not a terminal: {question}", hint=hint)

    def _ask(self, text: str) -> str:
        sys.stderr.write(text)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:  # the terminal went away
            raise InputError("the terminal is closed")
        return line.strip()
