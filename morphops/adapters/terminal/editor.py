"""A person's own editor, on a copy that only they can read and that is gone afterwards."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from morphops.errors import InputError, Interrupted, PreconditionError

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder that no disk holds; the copy is in one of its own


def edit(text: str, name: str, environ: Mapping[str, str]) -> str:
    """Let a person change a text, with `VISUAL`, else `EDITOR`, else vi.

    Args:
        text: what there is.
        name: the file name that the editor sees, for its colours.
        environ: the process environment.

    Returns:
        what they made of it.

    Raises:
        InputError: there is no such editor, or EDITOR is not set and stdin is not a terminal,
            or what it left is not UTF-8.
        PreconditionError: it ended with an error; then nothing of it counts.
        Interrupted: by SIGTERM or SIGHUP; the copy is gone.
    """
    command = _command(environ)
    with (
        tempfile.TemporaryDirectory(
            prefix="morphops-", dir=_MEMORY if _MEMORY.is_dir() else None
        ) as folder,
        _signals(),
    ):
        copy = Path(folder) / name
        copy.touch(mode=0o600)
        copy.write_text(text, encoding="utf-8")
        try:
            # Where a result is read from stdout, nothing else stands there.
            stdout = None if os.isatty(_STDOUT) else _STDERR
            ended = subprocess.run([*command, str(copy)], stdout=stdout, check=False)
        except OSError as err:
            raise InputError(
                f"cannot start the editor {command[0]}: {err.strerror}",
                state="nothing was changed",
                hint="set EDITOR to one that is installed",
            ) from None
        if ended.returncode:
            raise PreconditionError(
                f"the editor {command[0]} ended with code {ended.returncode}",
                state="nothing was changed",
            )
        try:
            return copy.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise InputError(
                "what the editor left is no UTF-8 text", state="nothing was changed"
            ) from None


def _command(environ: Mapping[str, str]) -> list[str]:
    name = next((name for name in ("VISUAL", "EDITOR") if environ.get(name)), "")
    if not name and not os.isatty(_STDIN):
        raise InputError(
            "EDITOR is not set, and stdin is not a terminal",
            state="nothing was changed",
            hint="set EDITOR",
        )
    try:
        command = shlex.split(environ[name]) if name else ["vi"]
    except ValueError:  # a quote that is not closed
        command = []
    if not command:
        raise InputError(f"{name} names no editor", state="nothing was changed")
    return command


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C is the editor's; what ends us ends it too, and the copy goes."""

    def stop(number: int, frame: FrameType | None) -> None:
        what = f"interrupted by {signal.Signals(number).name}"
        raise Interrupted(what, signum=number, state="nothing was changed")

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    # Not SIG_IGN, which the editor would inherit.
    before[signal.SIGINT] = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
