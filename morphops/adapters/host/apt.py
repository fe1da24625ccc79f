"""Runs package commands, and turns a failure into one clear error."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from morphops.core.host.debian import Command, install_command, update_command
from morphops.errors import PreconditionError

Say = Callable[[str], None]
_LIMIT = 900


def run(command: Command, doing: str, *, env: dict[str, str] | None = None, hint: str = "") -> None:
    """Run one command, quietly.

    Args:
        command: the words.
        doing: what it does, as it reads after "could not".
        env: further variables.
        hint: what to do when it fails.

    Raises:
        PreconditionError: it failed, is not there or took too long; with its last lines.
    """
    # `C`, so that what an error quotes reads the same everywhere.
    variables = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=variables | (env or {}),
            timeout=_LIMIT,
            check=False,
        )
    except FileNotFoundError:
        raise PreconditionError(
            f"could not {doing}: there is no `{command[0]}` on this machine"
        ) from None
    except subprocess.TimeoutExpired:
        raise PreconditionError(
            f"could not {doing}: `{command[0]}` took longer than {_LIMIT} s and was ended",
            hint=hint,
        ) from None
    if done.returncode:
        lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
        raise PreconditionError(
            f"could not {doing}: `{command[0]}` ended with exit code {done.returncode}",
            hint=hint,
            detail=tuple(lines[-12:]),
        )


def need_root(doing: str) -> None:
    """Refuse to go on as anyone but root.

    Raises:
        PreconditionError: this is not root.
    """
    if os.geteuid() != 0:
        raise PreconditionError(
            f"only root can {doing}",
            state="nothing was changed",
            hint="run the same command with sudo   (`sudo -E .venv/bin/inv …`)",
        )


def ensure(program: str, package: str, say: Say) -> bool:
    """Install a package where its program is missing.

    Returns:
        Whether it was installed now.

    Raises:
        PreconditionError: it is missing and cannot be installed.
    """
    if shutil.which(program):
        return False
    need_root(f"install {package}")
    say(f"installing {package}")
    install((package,))
    return True


def install(packages: tuple[str, ...]) -> None:
    """Refresh the lists and install.

    Raises:
        PreconditionError: apt failed; with its last lines.
    """
    stale: PreconditionError | None = None
    try:
        run(update_command(), "refresh the package lists")
    except PreconditionError as err:
        # Some other list may be broken for years; it matters only if packages are missing.
        stale = err
    try:
        run(install_command(packages), f"install {', '.join(packages)}")
    except PreconditionError as err:
        before = (stale.what, *stale.detail) if stale else ()
        raise PreconditionError(
            err.what,
            state="packages that were installed before the failure stay",
            hint="fix what the last lines say (`apt-get update` shows it), then run it again",
            detail=(*before, *err.detail),
        ) from None
