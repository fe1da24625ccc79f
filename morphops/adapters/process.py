"""Runs a command to its end: keeps its result, and shows its progress as it comes."""

from __future__ import annotations

import codecs
import io
import math
import os
import select
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
from typing import IO, Any

from morphops.errors import Interrupted
from morphops.settings import ENV_SHOW_TEXT

_KEPT = 200  # lines of progress
_GRACE = 600.0  # seconds that a stopped command has to undo its changes
_DRAIN = 5.0  # seconds that reading its last output may take after its end
_PIECE = 1 << 16


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
    """What a process writes, read by two threads until both streams end.

    What it started may hold the streams open after its end. Then only what is in them by that time
    is read: see `drain`.
    """

    def __init__(self, process: subprocess.Popen[bytes], say: Callable[[str], None]) -> None:
        self.progress: deque[str] = deque(maxlen=_KEPT)
        self._out: list[str] = []
        self._say = say
        self._given_up = False
        self._over, self._tells = os.pipe()
        self._readers = tuple(
            threading.Thread(target=self._read, args=(stream, add), daemon=True)
            for stream, add in ((process.stderr, self._show), (process.stdout, self._out.append))
            if stream is not None
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
            reader.join(None if until == math.inf else max(0.0, until - time.monotonic()))

    def drain(self) -> None:
        """Reads what is there, now that the process has ended, and no more."""
        os.close(self._tells)
        self.await_end(time.monotonic() + _DRAIN)
        self._given_up = True  # what it left running writes without end
        self.await_end(math.inf)
        os.close(self._over)

    def _read(self, stream: IO[bytes], add: Callable[[str], None]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        lines = io.IncrementalNewlineDecoder(decoder, translate=True)
        rest, over = "", False
        while not self._given_up:
            watched: list[Any] = [stream] if over else [stream, self._over]
            ready, _, _ = select.select(watched, [], [], 0 if over else None)
            if stream in ready:
                data = os.read(stream.fileno(), _PIECE)
                if not data:
                    break
                *whole, rest = (rest + lines.decode(data)).split("\n")
                for line in whole:
                    add(f"{line}\n")
            elif over:
                break
            else:  # what it wrote before its end is in the stream by now
                over = True
        rest += lines.decode(b"", final=True)
        if rest:
            add(rest)

    def _show(self, line: str) -> None:
        self.progress.append(line.rstrip("\n"))
        self._say(line.rstrip("\n"))


def _follow(
    process: subprocess.Popen[bytes],
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
    output.drain()
    code = process.returncode
    return Ended(
        code if code >= 0 else 128 - code,
        output.out,
        tuple(output.progress),
        timed_out,
        interrupted,
    )


def _await_or_give_up(process: subprocess.Popen[bytes], timeout: float) -> tuple[bool, int]:
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


def _await_end(process: subprocess.Popen[bytes], grace: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        try:
            process.wait(grace)
        except Interrupted:  # a second Ctrl-C: it undoes its changes already, so let it finish
            with suppress(Interrupted):
                process.wait(grace)


def _kill(process: subprocess.Popen[bytes]) -> None:
    _tell(process, signal.SIGKILL)
    process.wait()


def _tell(process: subprocess.Popen[bytes], number: int) -> None:
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
