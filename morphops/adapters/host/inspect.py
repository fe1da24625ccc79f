"""Is this machine ready? Reading it is here; judging what was read is `judge`, which is pure."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from morphops.adapters.host import ports
from morphops.core.host.requirements import (
    DEFAULT_SOCKET,
    HostFacts,
    Needs,
    PortFact,
    Row,
    StateFact,
    judge,
    version_of,
)
from morphops.errors import MorphopsError

if TYPE_CHECKING:
    from morphops.adapters.docker.client import Docker

__all__ = ["HostFacts", "Needs", "PortFact", "Row", "StateFact", "judge", "observe"]

_DEFAULT_ROOT = "/var/lib/docker"
_T = TypeVar("_T")


def observe(docker: Docker, needs: Needs) -> HostFacts:
    """Look at the machine. Nothing is changed, and what cannot be seen is left empty."""
    where = engine_endpoint(docker)
    path = Path(where.removeprefix("unix://")) if where.startswith("unix://") else None
    client = docker.client(8) if shutil.which("docker") else None

    def ask(question: Callable[[], _T], otherwise: _T) -> _T:
        try:
            with docker.call("look at the engine", 8):
                return question()
        except MorphopsError:
            return otherwise

    found = ask(client.version, None) if client else None
    info = ask(client.system.info, None) if client and found and found.server else None
    # Where there is no engine yet, its data will go where packages put it.
    root = str(info.docker_root_dir or "") if info else _DEFAULT_ROOT
    return HostFacts(
        client=str(found.client.version) if found and found.client else _client_alone(docker),
        endpoint=where,
        engine=str(found.server.version) if found and found.server else "",
        storage=str(info.driver or "") if info else "",
        denied=path is not None and path.exists() and not os.access(path, os.R_OK | os.W_OK),
        compose=_number(ask(client.compose.version, "")) if client else "",
        buildx=_number(ask(client.buildx.version, "")) if client else "",
        data_root=root,
        free=_free(Path(root)) if root and path is not None else None,
        ports=tuple(_look_at_port(docker, host, port, needs.project) for host, port in needs.ports),
        state=_look_at_folder(needs.state),
        uid=os.geteuid(),
    )


def engine_endpoint(docker: Docker) -> str:
    """Where the client looks for its engine: its context's host, as a URL."""
    named = os.environ.get("DOCKER_HOST")
    if named or not shutil.which("docker"):
        return named or DEFAULT_SOCKET
    try:
        with docker.call("read the docker context", 8):
            context = docker.client(8).context.inspect(None)
            return str(context.endpoints["docker"].host)
    except (MorphopsError, KeyError, AttributeError):
        return DEFAULT_SOCKET


def _client_alone(docker: Docker) -> str:
    """The client's version where no engine answers, which makes `docker version` fail."""
    if not shutil.which("docker"):
        return ""
    try:
        done = subprocess.run(
            ["docker", "--version"], capture_output=True, text=True, timeout=8, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return _number(done.stdout)


def _number(text: str) -> str:
    return ".".join(map(str, version_of(text)))


def _free(path: Path) -> int | None:
    try:
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        return shutil.disk_usage(there).free
    except OSError:
        return None


def _look_at_port(docker: Docker, host: str, port: int, project: str) -> PortFact:
    if not ports.taken(host, port):
        return PortFact(host, port, True)
    try:
        with docker.call("look who holds a port", 8):
            for container in docker.client(8).container.list(filters=[("publish", str(port))]):
                labels = container.config.labels or {}
                ours = (
                    labels.get("com.docker.compose.project") == project or "morphops.role" in labels
                )
                return PortFact(host, port, False, container.name, ours)
    except MorphopsError:
        pass
    return PortFact(host, port, False)


def _look_at_folder(path: Path) -> StateFact:
    try:
        if path.exists():
            status = path.stat()
            return StateFact(
                path=path,
                exists=True,
                is_folder=path.is_dir(),
                mode=status.st_mode & 0o7777,
                owner=status.st_uid,
                writable=os.access(path, os.W_OK | os.X_OK),
            )
        above = next(parent for parent in path.parents if parent.exists())
        return StateFact(
            path=path,
            exists=False,
            is_folder=above.is_dir(),
            writable=os.access(above, os.W_OK | os.X_OK),
        )
    except OSError:  # a folder on the way that we may not even look into
        return StateFact(path=path, exists=False, writable=False)
