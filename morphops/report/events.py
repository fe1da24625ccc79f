"""Progress as JSON lines, for CI: what `--events` writes.

Each line is one `Event` (docs/schemas/event.json). A reader that goes away, or a disk that is full,
ends the lines and nothing else. An operation must not fail because its progress is not read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from morphops.core.results.base import Result
from morphops.core.results.message import Event
from morphops.errors import InputError, MorphopsError
from morphops.interfaces import Observer

STDERR = "-"
_STDERR_FD = 2

Redact = Callable[[str], str]


class EventLog:
    """Implements `Observer`: writes each thing that it is told as a line.

    Args:
        handle: file descriptor; it stays the caller's to close.
    """

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle
        self._redact: Redact = str

    def redact_with(self, redact: Redact) -> None:
        """Take secrets out of every text from now on."""
        self._redact = redact

    def step(self, number: int, total: int, text: str) -> None:
        """Write that a step begins."""
        self._write(self._event("step", text, number=number, total=total))

    def waiting(self, text: str) -> None:
        """Write what a step waits for."""
        self._write(self._event("waiting", text))

    def note(self, text: str) -> None:
        """Write something to watch inside of a step."""
        self._write(self._event("note", text))

    def undoing(self, error: MorphopsError) -> None:
        """Write that a step failed, and that the automatic rollback begins."""
        self._write(self._event("undo", error.what, error=type(error).__name__))

    def finished(self, result: Result) -> None:
        """Write what the command came to."""
        self._write(self._event("result", result.state, exit_code=result.exit))

    def failed(self, error: MorphopsError) -> None:
        """Write how the command failed."""
        kind = type(error).__name__
        self._write(
            self._event(
                "result", error.what, exit_code=error.exit_code, error=kind, hint=error.hint
            )
        )

    def _event(
        self,
        kind: Literal["step", "waiting", "note", "undo", "result"],
        text: str,
        *,
        number: int = 0,
        total: int = 0,
        exit_code: int = 0,
        error: str = "",
        hint: str = "",
    ) -> Event:
        return Event(
            event=kind,
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            text=self._redact(text),
            number=number,
            total=total,
            exit=exit_code,
            error=error,
            next=self._redact(hint),
        )

    def _write(self, event: Event) -> None:
        data = (json.dumps(event.as_json()) + "\n").encode()
        try:
            while data and self._handle is not None:
                data = data[os.write(self._handle, data) :]
        except OSError:
            self._handle = None


class Both:
    """Implements `Observer`: tells two others, one after the other."""

    def __init__(self, first: Observer, second: Observer) -> None:
        self._all = (first, second)

    def step(self, number: int, total: int, text: str) -> None:
        """Tell both that a step begins."""
        for observer in self._all:
            observer.step(number, total, text)

    def waiting(self, text: str) -> None:
        """Tell both what a step waits for."""
        for observer in self._all:
            observer.waiting(text)

    def note(self, text: str) -> None:
        """Tell both something to watch."""
        for observer in self._all:
            observer.note(text)

    def undoing(self, error: MorphopsError) -> None:
        """Tell both that the automatic rollback begins."""
        for observer in self._all:
            observer.undoing(error)


@contextmanager
def opened(target: str) -> Iterator[EventLog]:
    """Open what `--events` names: `-` is stderr, anything else a file that is appended to.

    An inherited descriptor has a path as well: `/dev/fd/3`.

    Raises:
        InputError: it cannot be opened.
    """
    if target == STDERR:
        yield EventLog(_STDERR_FD)
        return
    try:
        handle = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise InputError(
            f"cannot write events to {target}: {err.strerror}",
            state="nothing was changed",
            hint="--events=PATH of a file in a folder that you may write, or --events=- for stderr",
        ) from None
    try:
        yield EventLog(handle)
    finally:
        os.close(handle)
