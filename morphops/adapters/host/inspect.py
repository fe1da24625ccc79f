"""Is this machine ready? Reading it is here; judging what was read is `judge`, which is pure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from morphops.adapters.docker import labels
from morphops.adapters.host import ports
from morphops.core.host.requirements import (
    DEFAULT_SOCKET,
    HostFacts,
    Needs,
    PortFact,
    Row,
    StateFact,
    judge,
)
from morphops.core.host.versions import version_of
from morphops.errors import MorphopsError

if TYPE_CHECKING:
    from morphops.adapters.docker.client import Docker
    from morphops.adapters.docker.engine import Document

__all__ = ["HostFacts", "Needs", "PortFact", "Row", "StateFact", "judge", "observe"]

_DEFAULT_ROOT = "/var/lib/docker"
_LIMIT = 8.0
_T = TypeVar("_T")


def observe(docker: Docker, needs: Needs) -> HostFacts:
    """Look at the machine. Nothing is changed, and what cannot be seen is left empty."""

    def ask(question: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return question()
        except MorphopsError:
            return otherwise

    endpoint = ask(lambda: docker.endpoint, None)
    path = endpoint.socket if endpoint else None
    nothing: Document = {}
    engine = ask(lambda: docker.engine.version(_LIMIT), nothing) if endpoint else nothing
    info = ask(lambda: docker.engine.info(_LIMIT), nothing) if engine else nothing
    # Where there is no engine yet, its data will go where packages put it.
    root = str(info.get("DockerRootDir") or "") if info else _DEFAULT_ROOT
    return HostFacts(
        client=_number(ask(docker.client_version, "")),
        endpoint=endpoint.url if endpoint else DEFAULT_SOCKET,
        engine=str(engine.get("Version") or ""),
        storage=str(info.get("Driver") or ""),
        denied=path is not None and path.exists() and not os.access(path, os.R_OK | os.W_OK),
        compose=_number(ask(lambda: docker.plugin_version("compose"), "")),
        buildx=_number(ask(lambda: docker.plugin_version("buildx"), "")),
        runc=runtime(engine),
        plain=plain_registries(info),
        data_root=root,
        free=_free(Path(root)) if root and path is not None else None,
        ports=tuple(_look_at_port(docker, host, port, needs.project) for host, port in needs.ports),
        state=_look_at_folder(needs.state),
        uid=os.geteuid(),
    )


def _number(text: str) -> str:
    return ".".join(map(str, version_of(text)))


def runtime(engine: Document) -> str:
    """The version of runc, as the engine names it (Engine API, SystemVersion, Components)."""
    parts = {part.get("Name"): part for part in engine.get("Components") or ()}
    return _number(str(parts.get("runc", {}).get("Version") or ""))


def plain_registries(info: Document) -> tuple[str, ...] | None:
    """With whom the engine speaks plain HTTP (Engine API, RegistryServiceConfig)."""
    config = info.get("RegistryConfig")
    if not config:
        return None
    registries = (config.get("IndexConfigs") or {}).items()
    insecure = (name for name, index in registries if not (index or {}).get("Secure", True))
    return (*(config.get("InsecureRegistryCIDRs") or ()), *insecure)


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
        holders = docker.engine.containers(_LIMIT, all_=False, publish=[str(port)])
    except MorphopsError:
        holders = []
    for container in holders:
        given = container.get("Labels") or {}
        ours = given.get(labels.PROJECT) == project or "morphops.role" in given
        return PortFact(host, port, False, container["Names"][0].removeprefix("/"), ours)
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
