"""What people and machines see; the only module that imports rich.

Results go to stdout, everything else to stderr: with `--json` stdout holds one JSON object and no
more. Colours only where the stream is a terminal and `NO_COLOR` is not set.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from morphops.core.results.base import Document
from morphops.core.visible import in_json, visible
from morphops.errors import MorphopsError

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2  # between columns
_INDENT = 4  # of what stands below its row
_NARROW = 24  # a last column that would be narrower stands there
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
_GOOD = {"healthy", "deployed", "running", "ok", "yes"}
_BAD = {"unhealthy", "failed", "exited", "no", "foreign", "missing"}


class Reporter:
    """Writes progress to stderr and the result to stdout.

    Args:
        json_: whether the result is to be one JSON object.
    """

    def __init__(self, json_: bool = False) -> None:
        self.json = json_

    @cached_property
    def _err(self) -> Console:
        return _console(stderr=True)

    @cached_property
    def _out(self) -> Console:
        return _console(stderr=False)

    def step(self, number: int, total: int, text: str) -> None:
        """Show that a step begins."""
        self._tell(f"[bold]\\[{number}/{total}][/bold] {_escape(text)}")

    def waiting(self, text: str) -> None:
        """Show what a step waits for."""
        self.note(f"waiting: {text}")

    def note(self, text: str) -> None:
        """Show something to watch inside of a step."""
        self._tell(f"      {_escape(text)}", "dim")

    def undoing(self, error: MorphopsError) -> None:
        """Show that a step failed, and that the automatic rollback begins."""
        self._tell(f"failed: {_escape(error.what)}", "bold red")
        self._tell("rolling back …", "bold yellow")

    def _tell(self, text: str, style: str = "") -> None:
        self._err.print(text, style=style)

    def say(self, text: str = "") -> None:
        """Write a line of a result for people; with `--json` to stderr."""
        (self._err if self.json else self._out).print(_escape(text))

    def emit(self, result: Document) -> bool:
        """With `--json`, write the result as one object; return whether it did."""
        if self.json:
            text = json.dumps(result.as_json(), indent=2, sort_keys=True, ensure_ascii=False)
            text = in_json(text)
            with suppress(BrokenPipeError):
                sys.stdout.write(f"{text}\n")
        return self.json

    def flush(self) -> None:
        """Write out what is buffered. A reader that went away is not a failure.

        Raises:
            OSError: it cannot be written.
        """
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _discard()
        except OSError:
            _discard()
            raise

    def markdown(self, text: str) -> None:
        """Show a runbook: rendered on a terminal, without its front matter; as it is elsewhere."""
        from rich.markdown import Markdown

        from morphops.core.runbook.front import without_front

        console = self._err if self.json else self._out
        if console.is_terminal:
            console.print(Markdown(visible(without_front(text))), soft_wrap=False)
        else:
            console.print(visible(text), markup=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under headings; a plain table for `grep` where stdout is not a terminal.

        Digests, names and times are never broken; only the last column is. Where a terminal has no
        room for that, it stands below its row.
        """
        from rich.cells import cell_len

        console = self._err if self.json else self._out
        cells = [[visible(_one_line(cell)) for cell in row] for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
        *fixed, last = widths
        room = console.width - sum(width + _GAP for width in fixed)
        fits = not console.is_terminal or last <= room
        below = not fits and room < _NARROW
        shown = len(columns) - below

        def line(row: Sequence[str], paint: Callable[[str], str]) -> str:
            pads = [" " * (w - cell_len(text)) for text, w in zip(row, widths, strict=False)]
            return (" " * _GAP).join(paint(c) + p for c, p in zip(row, pads, strict=False)).rstrip()

        console.print(line(columns[:shown], lambda text: f"[bold]{_escape(text)}[/bold]"))
        for row in cells:
            if fits or below:
                console.print(line(row[:shown], _coloured))
            else:
                first, *more = _folded(row[-1], room)
                console.print(line([*row[:-1], first], _coloured))
                for text in more:
                    console.print(" " * (console.width - room) + _escape(text))
            if below and row[-1] not in ("", "-"):
                for text in _folded(f"{columns[-1]}: {row[-1]}", console.width - _INDENT):
                    console.print(" " * _INDENT + _escape(text))


def error(err: MorphopsError) -> None:
    """Show a failure on stderr: what, details, state, next."""
    console = _console(stderr=True)
    first, *rest = err.message().splitlines()
    console.print(_escape(first), style="bold red")
    for line in rest:
        console.print(_escape(line))


def size(count: int) -> str:
    """Return a number of bytes for people: `1.5 MB`."""
    from rich.filesize import decimal

    return decimal(count)


def _discard() -> None:
    """Throw away what stdout still holds: Python would complain about it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout

    class Unbroken(Console):
        """Goes silent when its reader goes away: a rollback must not end with its terminal."""

        def print(self, *objects: Any, **how: Any) -> None:
            try:
                super().print(*objects, **how)
            except OSError as err:
                # A result that a full disk does not take is lost; a terminal that hung up is not.
                if not stderr and err.errno != errno.EIO:
                    raise
                self.on_broken_pipe()

        def on_broken_pipe(self) -> None:
            self.quiet = True
            # What is left in the buffer would fail again when Python flushes it, and be the exit.
            with suppress(OSError), Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())

    # A pipe has no width: rich would fold digests at 80 columns and make them useless to grep.
    width = None if stream.isatty() else 200
    return Unbroken(stderr=stderr, highlight=False, soft_wrap=True, width=width)


def _escape(text: str) -> str:
    """A text as it is shown: neither markup of ours nor escape sequences of others act in it."""
    from rich.markup import escape

    return escape(visible(text))


def _one_line(cell: str) -> str:
    """A cell without line breaks; a time without its offset, since the headings say UTC."""
    text = " ".join(cell.splitlines())
    return text.removesuffix("+00:00").replace("T", " ") if _TIME.fullmatch(text) else text


def _folded(text: str, width: int) -> list[str]:
    """A text in lines, broken between words only."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _coloured(cell: str) -> str:
    if cell in _GOOD:
        return f"[green]{cell}[/green]"
    if cell in _BAD:
        return f"[red]{cell}[/red]"
    return _escape(cell)
