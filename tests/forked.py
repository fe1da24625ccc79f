"""A process of its own for a piece of code, without the start of an interpreter.

To start Python and import what a task needs takes a second of CPU, and most tasks take less. So
one process for each test worker imports it all once, and every call runs in a fork of that one: a
process with a pid, signals, a folder, an environment and output of its own, that can be killed.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.forked_imports"])


def invoke(
    words: Sequence[str], *, folder: Path, environ: Mapping[str, str], timeout: float = 1800
) -> subprocess.CompletedProcess[str]:
    """Run `python -m invoke` with these words; see `run`."""
    import invoke.main

    name = str(Path(invoke.main.__file__).with_name("__main__.py"))
    code = "from invoke.main import program; program.run()"
    ended = run(code, (name, *words), folder=folder, environ=environ, timeout=timeout)
    return subprocess.CompletedProcess(("inv", *words), *ended)


def run(
    code: str, argv: Sequence[str], *, folder: Path, environ: Mapping[str, str], timeout: float
) -> tuple[int, str, str]:
    """Run code as a script.

    Args:
        code: what to run as `__main__`.
        argv: its `sys.argv`, with the name first.
        folder: where it runs.
        environ: the whole of its environment.
        timeout: seconds; then it is killed.

    Returns:
        its exit code (negative: the signal that ended it), what it wrote to stdout, and to stderr.

    Raises:
        TimeoutError: it took longer.
    """
    with tempfile.TemporaryDirectory() as outputs:
        out, err = Path(outputs, "out"), Path(outputs, "err")
        where = (str(folder), dict(environ), str(out), str(err))
        process = _FORKS.Process(target=_script, args=(code, list(argv), *where))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{argv} took longer than {timeout:g} s: {err.read_text()}")
        return process.exitcode, out.read_text(), err.read_text()


def _script(
    code: str, argv: list[str], folder: str, environ: dict[str, str], out: str, err: str
) -> None:
    for descriptor, path in ((1, out), (2, err)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, descriptor)
        os.close(handle)
    # As an interpreter makes them when it starts; they live as long as the process.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, "utf-8", "backslashreplace", closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = argv
    sys.path.insert(0, folder)
    exec(compile(code, "<script>", "exec"), {"__name__": "__main__"})


def import_all() -> None:
    """Import every module of morphops, and what they import late."""
    import morphops

    for module in pkgutil.walk_packages(morphops.__path__, "morphops."):
        importlib.import_module(module.name)
    for name in ("invoke.main", "markdown_it", "oras.provider", "pydantic", "pyrage"):
        importlib.import_module(name)
    for name in ("python_on_whales", "requests", "rich.console", "rich.table", "yaml", "jmespath"):
        importlib.import_module(name)
