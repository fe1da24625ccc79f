"""Commands of people in containers, and logs that are followed: the docker CLI as a child of ours.

A command that is attached has our own standard streams. What a person types for it stands in its
words, as it stands in ours; values of the stack never do.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

from morphops.adapters.docker.client import Docker
from morphops.core import log_lines
from morphops.core.requests import CommandEnd, CommandRequest
from morphops.errors import EngineCallFailed

# What the docker CLI says of itself (docs.docker.com, "docker container run", exit status).
_NOT_BEGUN = 125
_LINES = 10_000  # of what is kept
_POLL = 0.2  # seconds

Redact: TypeAlias = Callable[[str], str]


def in_terminal() -> bool:
    """Whether a person is at both ends, so that a command may have a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def exec_words(container: str, request: CommandRequest, *, terminal: bool) -> list[str]:
    """The words after `docker` that run a command inside of a container."""
    return ["exec", *_streams(request, terminal), container, *request.words]


def _streams(request: CommandRequest, terminal: bool) -> list[str]:
    if not request.attached:
        return []
    return ["--interactive", "--tty"] if terminal else ["--interactive"]


def run_words(service: str, request: CommandRequest, *, terminal: bool) -> list[str]:
    """The words after `docker compose …` that run a command in a container of its own."""
    # Compose gives it a terminal unless it is told not to.
    streams = [] if request.attached and terminal else ["--no-TTY"]
    return ["run", "--rm", "--no-deps", *streams, service, *request.words]


def finish(
    docker: Docker,
    words: Sequence[str],
    request: CommandRequest,
    doing: str,
    redact: Redact,
    env: Mapping[str, str] | None = None,
) -> CommandEnd:
    """Run `docker WORDS` to its end.

    Args:
        docker: says whether an engine answers.
        words: after `docker`.
        request: attached, or not.
        doing: what is attempted, as it reads after "could not".
        redact: applied to what is kept.
        env: the whole environment of the CLI; ours without.

    Raises:
        EngineUnavailable: no engine answers, or there is no docker CLI.
        EngineCallFailed: it could not be begun, or took too long.
    """
    if request.attached:
        code, said = docker.attach(words, env), ""
    else:
        try:
            code, said = docker.output(words, request.limit, env)
        except TimeoutError:
            took = f"no end within {request.limit:g} s"
            raise EngineCallFailed(f"could not {doing}: {took}") from None
    lines = log_lines.last_lines(said, redact)[-_LINES:]
    if code == _NOT_BEGUN or (code != 0 and not docker.engine.answers()):
        raise docker.refused(doing, code, said)
    return CommandEnd(exit_code=code if code >= 0 else 128 - code, lines=lines)


def follow(
    docker: Docker,
    containers: Iterable[str],
    tail: int,
    since: str,
    say: Callable[[str, str], None],
    redact: Redact,
) -> None:
    """Tell the lines of containers as they come, until all have ended.

    Args:
        docker: their engine.
        containers: their ids.
        tail: of the lines that are there, how many at most.
        since: only those after that; empty for all.
        say: told the container, and the line.
        redact: applied to each line.
    """
    lines: queue.SimpleQueue[tuple[str, str | None]] = queue.SimpleQueue()
    after = [f"--since={since}"] if since else []
    words = ["logs", "--follow", f"--tail={tail}", *after]
    processes = {container: docker.lines([*words, container]) for container in containers}

    def read(name: str, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            lines.put((name, line.rstrip("\n")))
        lines.put((name, None))

    try:
        for name, process in processes.items():
            threading.Thread(target=read, args=(name, process), daemon=True).start()
        left = set(processes)
        while left:
            with suppress(queue.Empty):  # a wait without an end would not hear a signal
                name, line = lines.get(timeout=_POLL)
                if line is None:
                    left.discard(name)
                else:
                    say(name, redact(line))
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
