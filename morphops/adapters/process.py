"""Runs a command to its end: its result is kept, its progress shown as it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from morphops.errors import Interrupted
from morphops.settings import ENV_SHOW_TEXT

_KEPT = 200  # lines of progress
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
    """Run `inv WORDS`. What it began it may undo: it has ten minutes for that when it is stopped.

    With `--json` its result is written for people too, as part of its progress.

    Args:
        words: what follows `inv`.
        folder: where.
        timeout: seconds until it is told to stop.
        say: is given each line of its progress.
    """
    command = [sys.executable, "-m", "invoke", *words]
    env = {"PYTHONUNBUFFERED": "1", ENV_SHOW_TEXT: "1"}
    return run(command, folder=folder, timeout=timeout, say=say, env=env, grace=_GRACE)


def run(
    command: Sequence[str],
    *,
    folder: Path,
    timeout: float,
    say: Callable[[str], None],
    env: Mapping[str, str],
    grace: float,
    whole: bool = False,
) -> Ended:
    """Run a command in a session of its own, so that a Ctrl-C reaches it once: through us.

    Where it is stopped, nothing of its process group is left.

    Args:
        command: its argv.
        folder: where.
        timeout: seconds until it is told to stop, by a signal.
        say: is given each line of its stderr.
        env: added to the environment.
        grace: seconds after which it is killed, with all that it started, when it does not stop.
        whole: all that it started is told to stop as well, and dies when we do. Without this it
            alone is told, and goes back by itself with what it starts for that.

    Raises:
        OSError: it cannot be started.
    """
    with _guard() if whole else nullcontext() as guard:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, **env},
        )
        try:
            if guard is not None:
                guard(process.pid)
            return _follow(process, timeout, say, grace, whole)
        finally:
            if process.poll() is None:  # something of ours failed
                _kill(process)


def _follow(
    process: subprocess.Popen[str],
    timeout: float,
    say: Callable[[str], None],
    grace: float,
    whole: bool,
) -> Ended:
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
    except Interrupted as err:
        interrupted = err.exit_code - 128
    if timed_out or interrupted:
        end = time.monotonic() + grace
        if whole:
            _tell(process, signal.SIGTERM)
        else:
            process.send_signal(interrupted or signal.SIGTERM)
        _await_end(process, grace)
        try:
            # What the leader started ends a little later than it does; that shows by its output.
            for reader in readers if whole else ():
                reader.join(max(0.0, end - time.monotonic()))
        except Interrupted as err:  # then there is no more grace
            interrupted = interrupted or err.exit_code - 128
        _kill(process)
    for reader in readers:
        reader.join(5)
    code = process.returncode
    return Ended(
        code if code >= 0 else 128 - code, "".join(out), tuple(progress), timed_out, interrupted
    )


def _await_end(process: subprocess.Popen[str], grace: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        try:
            process.wait(grace)
        except Interrupted:  # a second Ctrl-C: it undoes already, and is left to finish that
            with suppress(Interrupted):
                process.wait(grace)


def _kill(process: subprocess.Popen[str]) -> None:
    _tell(process, signal.SIGKILL)
    process.wait()


def _tell(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to all of a command's process group; its leader may be gone already."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextmanager
def _guard() -> Iterator[Callable[[int], None]]:
    """Somebody who kills a process group when we die, however that happens: our lock dies with us.

    `--pdeathsig` would reach the leader only.
    """
    script = 'read -r group && { read -r _; kill -s KILL -- "-$group"; }'
    guard = subprocess.Popen(
        ["sh", "-c", script],
        stdin=subprocess.PIPE,  # which the kernel closes with us
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def watch(group: int) -> None:
        if guard.stdin:
            guard.stdin.write(f"{group}\n".encode())
            guard.stdin.flush()

    try:
        yield watch
    finally:
        guard.kill()  # before its input is closed: what a hook left running by intent stays
        guard.communicate()
