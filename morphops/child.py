"""Runs a command of ours to its end: its result is kept, its progress shown as it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from morphops.errors import Interrupted

_KEPT = 40  # lines of progress
_GRACE = 600.0  # seconds in which what was told to stop may undo what it began


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command came out.

    Attributes:
        code: exit code; 128 + n where signal n ended it.
        out: all that it wrote to stdout.
        progress: the last lines that it wrote to stderr.
        timed_out: whether it was told to stop because its time was over.
        interrupted: the signal that we were given meanwhile, and passed on; 0 for none.
    """

    code: int
    out: str
    progress: tuple[str, ...]
    timed_out: bool = False
    interrupted: int = 0


def invoke(
    words: Sequence[str], *, folder: Path, timeout: float, say: Callable[[str], None]
) -> Ended:
    """Run `inv WORDS`, in a session of its own, so that a Ctrl-C reaches it once: through us.

    What it began it may undo: it is told to stop by a signal, and only killed when ten minutes
    later it still runs.

    Args:
        words: what follows `inv`.
        folder: where.
        timeout: seconds until it is told to stop.
        say: is given each line of its progress.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    progress: deque[str] = deque(maxlen=_KEPT)
    out: list[str] = []

    def follow() -> None:
        for line in process.stderr or ():
            progress.append(line.rstrip("\n"))
            say(line.rstrip("\n"))

    readers = (
        threading.Thread(target=follow, daemon=True),
        threading.Thread(target=lambda: out.extend(process.stdout or ()), daemon=True),
    )
    for reader in readers:
        reader.start()
    timed_out, interrupted = False, 0
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        timed_out = True
        _stop(process, signal.SIGTERM)
    except Interrupted as err:
        interrupted = err.exit_code - 128
        _stop(process, interrupted)
    for reader in readers:
        reader.join(5)
    code = process.returncode
    return Ended(
        code if code >= 0 else 128 - code, "".join(out), tuple(progress), timed_out, interrupted
    )


def _stop(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    except Interrupted:  # a second Ctrl-C: it undoes already, and is left to finish that
        process.wait()
