"""Installs and starts the engine from the distribution's packages, where it is missing.

Where an engine answers, nothing of it is changed. Run again, it finds nothing to do.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from morphops.adapters.host import apt
from morphops.core.host.debian import (
    SOURCES_FILE,
    Mirrors,
    Packages,
    packages_for,
    parse_os_release,
    parse_sources,
)
from morphops.errors import EngineUnavailable, PreconditionError

if TYPE_CHECKING:
    from morphops.adapters.docker.client import Docker

Say = Callable[[str], None]

SOCKET = Path("/var/run/docker.sock")
LOG = Path("/var/log/dockerd.log")
PID_FILE = Path("/var/run/docker.pid")
SYSTEMD = Path("/run/systemd/system")  # sd_booted(3)
_START_LIMIT = 60


def setup(docker: Docker, say: Say) -> list[str]:
    """Make this machine ready to run a stack.

    Args:
        docker: asks the engine.
        say: told what is done, before it is done.

    Returns:
        What was done; empty where all was there.

    Raises:
        PreconditionError: it cannot be done here; nothing or only packages were changed.
        EngineUnavailable: the engine was started and does not answer; with its last log lines.
    """
    done: list[str] = []
    has_client = shutil.which("docker") is not None
    if has_client and docker.engine.answers():
        return _plugins(docker, say)
    endpoint = docker.endpoint.url
    if endpoint.removeprefix("unix://") not in (str(SOCKET), str(SOCKET.resolve())):
        raise EngineUnavailable(
            f"the engine at {endpoint} does not answer, and it is not for this machine to start it",
            state="nothing was changed",
            hint="start it, or unset DOCKER_HOST and DOCKER_CONTEXT and run `inv host.setup` again",
        )
    if not has_client and ping(SOCKET):
        # A socket that was handed in from outside: a client is all that is missing.
        apt.need_root("install the docker client")
        packages = _packages()
        if packages.client:
            _write(packages)
        return _install(packages.client_only(), "the docker client and its plugins", say)
    if SOCKET.exists() and not os.access(SOCKET, os.R_OK | os.W_OK):
        raise PreconditionError(
            f"{SOCKET} is there, and uid {os.geteuid()} may not use it",
            state="nothing was changed",
            hint="run as root, or `sudo usermod -aG docker $USER` and log in again",
        )
    apt.need_root("install and start an engine")
    if shutil.which("dockerd") is None or not has_client:
        packages = _packages()
        _write(packages)
        done += _install(packages.engine, "the engine, Compose and Buildx", say)
    done += start(say)
    return done + _plugins(docker, say)


def start(say: Say) -> list[str]:
    """Start the installed engine, and wait until it answers.

    Raises:
        EngineUnavailable: it ends, or does not answer in time.
    """
    if SYSTEMD.exists():
        say("starting the engine (systemctl enable --now docker)")
        apt.run(("systemctl", "enable", "--now", "docker"), "start the engine")
        _await(None, 0)
        return ["started the engine (systemd)"]
    if _alive(PID_FILE):
        # A package's script may just have started it; a second one would be refused, or do harm.
        say("waiting for the engine that is starting")
        _await(None, 0)
        return ["waited for the engine"]
    PID_FILE.unlink(missing_ok=True)
    say(f"starting the engine (dockerd, log in {LOG})")
    with LOG.open("ab") as log:
        begin = log.tell()
        # A session of its own: it outlives this command, and a Ctrl-C here does not reach it.
        process = subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    _await(process, begin)
    return ["started the engine (dockerd)"]


def ping(path: Path) -> bool:
    """Whether an engine answers at a socket, asked without any client."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(3)
        try:
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
        except (OSError, http.client.HTTPException):
            return False
        return answer.status == 200


def _plugins(docker: Docker, say: Say) -> list[str]:
    """Install Compose or Buildx beside an engine that answers, where they are missing."""
    missing = [name for name in ("compose", "buildx") if not docker.has_plugin(name)]
    if not missing:
        return []
    apt.need_root(f"install {' and '.join(missing)}")
    packages = _packages()
    _write(packages)
    wanted = tuple(package for name, package in packages.plugins if name in missing)
    return _install(wanted, " and ".join(missing), say)


def _packages() -> Packages:
    system = parse_os_release(_text(Path("/etc/os-release")))
    text = _text(Path(SOURCES_FILE))
    return packages_for(system, parse_sources(text) if text else Mirrors("", ""))


def _write(packages: Packages) -> None:
    for name, text in packages.files:
        path = Path(name)
        if _text(path) != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def _install(packages: tuple[str, ...], what: str, say: Say) -> list[str]:
    if not packages:
        raise PreconditionError(
            f"this distribution has no package for just {what}",
            state="nothing was changed",
            hint="install it by hand (docs.docker.com/engine/install), then `inv host.check`",
        )
    apt.need_root(f"install {what}")
    say(f"installing {what}: {', '.join(packages)}")
    apt.install(packages)
    return [f"installed {', '.join(packages)}"]


def _alive(pid_file: Path) -> bool:
    """Whether the process of a pid file lives, and is an engine at all."""
    text = _text(pid_file).strip()
    # Numbers are used again: after a restart of the machine this one may be anybody's.
    return text.isdigit() and "dockerd" in _text(Path(f"/proc/{text}/comm"))


def _await(process: subprocess.Popen[bytes] | None, begin: int) -> None:
    end = time.monotonic() + _START_LIMIT
    while time.monotonic() < end:
        if ping(SOCKET):
            return
        if process is not None and process.poll() is not None:
            raise EngineUnavailable(
                f"the engine ended as soon as it was started (exit code {process.returncode})",
                state="the packages are installed, no engine runs",
                hint=f"fix what its log says ({LOG}), then `inv host.setup`; in a container or a "
                "small virtual machine it is often overlayfs, iptables or cgroups that are missing",
                detail=_tail(begin),
            )
        time.sleep(0.1)
    raise EngineUnavailable(
        f"the engine does not answer after {_START_LIMIT} s",
        state="it was started, and may still come up",
        hint="inv host.check   (with systemd: journalctl -u docker -n 50)",
        detail=_tail(begin) if process is not None else (),
    )


def _tail(begin: int) -> tuple[str, ...]:
    try:
        with LOG.open("rb") as log:
            log.seek(begin)
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return ()
    # What the engine merely reports while it starts hides the line that says why it ended.
    telling = [line for line in lines if line.strip() and "level=info" not in line]
    return tuple(telling[-12:])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
