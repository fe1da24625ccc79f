"""Runs a command to its end: keeps its result, and shows its progress as it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from morphops.errors import Interrupted
from morphops.settings import ENV_SHOW_TEXT

_KEPT = 200  # lines of progress
_GRACE = 600.0  # seconds that a stopped command has to undo its changes
_DRAIN = 5.0  # seconds that its last output may take after its end


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a command.

    Attributes:
        code: exit code; 128 + n where signal n ended it.
        out: all that it wrote to stdout.
        progress: the last lines that it wrote to stderr.
        timed_out: whether it was stopped because its time was over.
        interrupted: the signal that we got meanwhile and passed on; 0 for none.
    """

    code: int
    out: str
    progress: tuple[str, ...]
    timed_out: bool = False
    interrupted: int = 0


def invoke(
    words: Sequence[str], *, folder: Path, timeout: float, say: Callable[[str], None]
) -> Ended:
    """Runs `inv WORDS`. When it is stopped it has ten minutes to undo what it began.

    With `--json` its progress has the result for people, too.

    Args:
        words: what follows `inv`.
        folder: where.
        timeout: seconds until it is told to stop.
        say: gets each line of its progress.
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
    """Runs a command in a session of its own, so that a Ctrl-C reaches it once: through us.

    When it is stopped, nothing of its process group is left.

    Args:
        command: its argv.
        folder: where.
        timeout: seconds until a signal tells it to stop.
        say: gets each line of its stderr.
        env: added to the environment.
        grace: seconds until it is killed, with all that it started, if it does not stop.
        whole: all that it started gets the signal as well, and dies when we do. Else only the
            command gets it, and starts itself what it needs to undo its changes.

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


class _Output:
    """What a process writes, read by two threads until both streams end."""

    def __init__(self, process: subprocess.Popen[str], say: Callable[[str], None]) -> None:
        self.progress: deque[str] = deque(maxlen=_KEPT)
        self._out: list[str] = []
        self._say = say
        self._readers = (
            threading.Thread(target=self._follow, args=(process.stderr or (),), daemon=True),
            threading.Thread(target=lambda: self._out.extend(process.stdout or ()), daemon=True),
        )
        for reader in self._readers:
            reader.start()

    @property
    def out(self) -> str:
        """All of stdout so far."""
        return "".join(self._out)

    def await_end(self, until: float) -> None:
        """Waits until both streams ended, at most until a time of the monotonic clock."""
        for reader in self._readers:
            reader.join(max(0.0, until - time.monotonic()))

    def _follow(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.progress.append(line.rstrip("\n"))
            self._say(line.rstrip("\n"))


def _follow(
    process: subprocess.Popen[str],
    timeout: float,
    say: Callable[[str], None],
    grace: float,
    whole: bool,
) -> Ended:
    output = _Output(process, say)
    timed_out, interrupted = _await_or_give_up(process, timeout)
    if timed_out or interrupted:
        end = time.monotonic() + grace
        if whole:
            _tell(process, signal.SIGTERM)
        else:
            process.send_signal(interrupted or signal.SIGTERM)
        _await_end(process, grace)
        if whole:
            # What the leader started ends a little later; its output shows that.
            interrupted = interrupted or _interrupted(lambda: output.await_end(end))
        _kill(process)
    output.await_end(time.monotonic() + _DRAIN)
    code = process.returncode
    return Ended(
        code if code >= 0 else 128 - code,
        output.out,
        tuple(output.progress),
        timed_out,
        interrupted,
    )


def _await_or_give_up(process: subprocess.Popen[str], timeout: float) -> tuple[bool, int]:
    """Waits for the end: whether time is over, and the signal that we got; 0 for none."""
    try:
        return False, _interrupted(lambda: process.wait(timeout))
    except subprocess.TimeoutExpired:
        return True, 0


def _interrupted(wait: Callable[[], object]) -> int:
    """Waits, and returns the signal that ended the wait; 0 for none."""
    try:
        wait()
    except Interrupted as err:
        return err.exit_code - 128
    return 0


def _await_end(process: subprocess.Popen[str], grace: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        try:
            process.wait(grace)
        except Interrupted:  # a second Ctrl-C: it undoes its changes already, so let it finish
            with suppress(Interrupted):
                process.wait(grace)


def _kill(process: subprocess.Popen[str]) -> None:
    _tell(process, signal.SIGKILL)
    process.wait()


def _tell(process: subprocess.Popen[str], number: int) -> None:
    """Sends a signal to all of a command's process group; its leader may be gone already."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextmanager
def _guard() -> Iterator[Callable[[int], None]]:
    """Yields what sets the process group that is killed when we die, as our lock dies with us.

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
        guard.kill()  # before its input is closed: what a hook left running on purpose stays
        guard.communicate()
