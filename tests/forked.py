"""A process of its own for a piece of code, without the start of an interpreter.

To start Python and import what a task needs takes a second of CPU, and most tasks take less. So
one process for each test worker imports it all once, and every call runs in a fork of that one: a
process with a pid, signals, a folder, an environment and output of its own, that can be killed.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TextIO

from tests.paths import STACK

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.forked_imports"])
_CLONE_NEWNET = 0x40000000  # <linux/sched.h>

# What morphops imports inside of functions.
_LATE = (
    "dotenv.parser",
    "invoke.main",
    "jmespath",
    "markdown_it",
    "pydantic.dataclasses",
    "pydantic.type_adapter",
    "pyrage",
    "python_on_whales",
    "requests",
    "rich.cells",
    "rich.console",
    "rich.markdown",
    "rich.table",
    "urllib3",
    "yaml",
)


class Started:
    """A process that runs by itself, with what `subprocess.Popen` has for one.

    Attributes:
        stdout, stderr: what it writes.
    """

    def __init__(self, code: str, argv: Sequence[str], place: _Place) -> None:
        ends = [_FORKS.Pipe(duplex=False) for _ in range(2)]
        writers = ends[0][1], ends[1][1]
        # A daemon is ended with us, also where a test failed and nobody waits for it.
        self._process: ForkServerProcess = _FORKS.Process(
            target=_piped, args=(code, list(argv), place, *writers), daemon=True
        )
        self._process.start()
        for writer in writers:
            writer.close()
        self.stdout, self.stderr = (_text(reader) for reader, _ in ends)

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | Any:
        """How it ended (negative: by that signal); None where it runs. Typed as that of `Popen`."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """How it ended; None where it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends.

        Raises:
            TimeoutExpired: it runs on.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read what it writes, and wait until it ends; see `wait`."""
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.append(self.stderr.read()), daemon=True)
        out: list[str] = []
        other = threading.Thread(target=lambda: out.append(self.stdout.read()), daemon=True)
        for thread in (reader, other):
            thread.start()
        self.wait(timeout)
        for thread in (reader, other):
            thread.join()
        return "".join(out), "".join(errors)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


# Folder, environment and network namespace of a process; the last one empty: that of its parent.
_Place = tuple[str, dict[str, str], str]

INVOKE = "from invoke.main import program; program.run()"


def invoke_argv(words: Sequence[str]) -> tuple[str, ...]:
    """`sys.argv` of `python -m invoke` with these words, for `INVOKE`."""
    import invoke.main

    return (str(Path(invoke.main.__file__).with_name("__main__.py")), *words)


def invoke(
    words: Sequence[str], *, folder: Path, environ: Mapping[str, str], timeout: float = 1800
) -> subprocess.CompletedProcess[str]:
    """Run `python -m invoke` with these words; see `run`."""
    argv = invoke_argv(words)
    ended = run(INVOKE, argv, folder=folder, environ=environ, timeout=timeout)
    return subprocess.CompletedProcess(("inv", *words), *ended)


def start(
    code: str, argv: Sequence[str], *, folder: Path, environ: Mapping[str, str], network: str = ""
) -> Started:
    """Run code as a script, and return at once; see `run`."""
    return Started(code, argv, (str(folder), dict(environ), network))


def run(
    code: str,
    argv: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    timeout: float,
    network: str = "",
) -> tuple[int, str, str]:
    """Run code as a script.

    Args:
        code: what to run as `__main__`.
        argv: its `sys.argv`, with the name first.
        folder: where it runs.
        environ: the whole of its environment.
        timeout: seconds; then it is killed.
        network: file of the network namespace that it is to be in; none: ours.

    Returns:
        its exit code (negative: the signal that ended it), what it wrote to stdout, and to stderr.

    Raises:
        TimeoutError: it took longer.
    """
    with tempfile.TemporaryDirectory() as outputs:
        out, err = Path(outputs, "out"), Path(outputs, "err")
        place = (str(folder), dict(environ), network)
        process = _FORKS.Process(target=_filed, args=(code, list(argv), place, str(out), str(err)))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{argv} took longer than {timeout:g} s: {err.read_text()}")
        return process.exitcode, out.read_text(), err.read_text()


def enter_network(namespace: str) -> None:
    """Let this thread be in another network namespace; it never comes out again.

    Args:
        namespace: its file.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(namespace).open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def _text(reader: Connection) -> TextIO:
    text = os.fdopen(os.dup(reader.fileno()), encoding="utf-8", errors="replace")
    reader.close()
    return text


def _piped(
    code: str, argv: list[str], place: _Place, stdout: Connection, stderr: Connection
) -> None:
    for descriptor, writer in ((1, stdout), (2, stderr)):
        os.dup2(writer.fileno(), descriptor)
        writer.close()
    _script(code, argv, place)


def _filed(code: str, argv: list[str], place: _Place, out: str, err: str) -> None:
    for descriptor, path in ((1, out), (2, err)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, descriptor)
        os.close(handle)
    _script(code, argv, place)


def _script(code: str, argv: list[str], place: _Place) -> None:
    folder, environ, network = place
    # As an interpreter makes them when it starts; they live as long as the process.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False)
    if network:
        enter_network(network)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = argv
    sys.path.insert(0, folder)
    exec(compile(code, "<script>", "exec"), {"__name__": "__main__"})


def import_all() -> None:
    """Import every module of morphops, and what they import late."""
    import morphops
    from morphops import site
    from morphops.core.env import parse

    for module in pkgutil.walk_packages(morphops.__path__, "morphops."):
        importlib.import_module(module.name)
    for name in _LATE:
        importlib.import_module(name)
    # What validates a document is made once for a process, and costs more than most tasks.
    site.load_bundle(STACK / "bundle.yaml")
    parse.parse_env_schema((STACK / "env" / "schema.yaml").read_text(), "schema.yaml")
