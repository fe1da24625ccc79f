"""Pulls an image, and gives up when nothing comes any more.

A registry that falls silent in the middle of a layer hangs the docker CLI for good, and how long a
pull may take as a whole depends on its size. So what is bounded is the silence: the CLI is given a
terminal, because only there it shows bytes, and a line that says something new is progress.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable

from morphops.adapters.docker.client import Docker
from morphops.errors import EngineCallFailed

_LIMIT = 4 * 3600.0  # seconds for the whole; only against what would never end
_WIDE = struct.pack("HHHH", 50, 200, 0, 0)  # rows and columns (ioctl_tty(2))
_ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_LINE_END = re.compile(rb"[\r\n]+")


class Progress:
    """Finds what is new in what the CLI writes to a terminal, where it writes lines over again."""

    def __init__(self) -> None:
        self._rest = b""
        self._last: dict[str, str] = {}

    def news(self, data: bytes) -> tuple[str, ...]:
        """The lines that say of their layer what was not said of it before.

        That a try failed and is made again is no progress.
        """
        *lines, self._rest = _LINE_END.split(self._rest + data)
        found = []
        for line in lines:
            text = _ESCAPE.sub(b"", line).decode(errors="replace").strip()
            layer, _, said = text.partition(": ")
            if not said or said.startswith("Retrying") or self._last.get(layer) == said:
                continue
            self._last[layer] = said
            found.append(text)
        return tuple(found)


def pull(
    docker: Docker, reference: str, *, stalled_after: float, say: Callable[[str], None]
) -> None:
    """Pull an image by its digest.

    Args:
        docker: the engine.
        reference: `repository@sha256:…`.
        stalled_after: seconds without progress after which it is given up.
        say: told of each layer that is here.

    Raises:
        EngineCallFailed: the registry refuses, sends something else, or nothing more.
        EngineUnavailable: no engine answers.
    """
    from python_on_whales.exceptions import DockerException

    doing = f"pull {reference}"
    docker_words = map(str, docker.client(_LIMIT).client_config.docker_cmd)
    command = [*docker_words, "image", "pull", reference]
    with docker.call(doing, _LIMIT), tempfile.TemporaryFile() as errors:
        terminal, its_end = pty.openpty()
        try:
            fcntl.ioctl(its_end, termios.TIOCSWINSZ, _WIDE)
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=its_end, stderr=errors
            )
        finally:
            os.close(its_end)
        try:
            moving = _follow(terminal, stalled_after, say)
        finally:
            os.close(terminal)
            if process.poll() is None:  # silent, or interrupted: the engine stops pulling with it
                process.terminate()
            code = process.wait()
        if not moving:
            raise EngineCallFailed(
                f"could not {doing}: nothing came for {stalled_after:g} s, so it was given up",
                hint="see whether that registry is well, then the same command again",
            )
        if code:
            errors.seek(0)
            raise DockerException(command, code, b"", errors.read())


def _follow(terminal: int, stalled_after: float, say: Callable[[str], None]) -> bool:
    """Read to the end; False where nothing new came for too long."""
    progress = Progress()
    heard = time.monotonic()
    while True:
        left = heard + stalled_after - time.monotonic()
        if left <= 0:
            return False
        if not select.select([terminal], [], [], left)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # EIO: nobody has the other end any more
            return True
        for text in progress.news(data):
            heard = time.monotonic()
            if text.endswith(("Pull complete", "Already exists")):
                say(text)
