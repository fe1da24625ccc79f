"""A registry of one's own: a container, bound to one address of this machine."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from morphops.adapters.docker import image_store
from morphops.core.results.registry import RegistryInfo
from morphops.errors import EngineCallFailed, InputError, PreconditionError

if TYPE_CHECKING:
    from morphops.adapters.docker.client import Docker

PUBLIC_IMAGE = "registry:2@sha256:a3d8aaa63ed8681a604f1dea0aa03f100d5895b6a58ace528858a7b332415373"
ROLE = {"morphops.role": "registry"}
_DATA = "/var/lib/registry"
_PORT = 5000
_PULL_LIMIT = 300.0
_State: TypeAlias = Literal["running", "stopped", "absent"]


class EngineRegistry:
    """Implements `LocalRegistry` with a container."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def start(self, image: Callable[[], str], *, host: str, port: int, name: str) -> RegistryInfo:
        """See `LocalRegistry.start`."""
        return up(self._docker, image=image, host=host, port=port, name=name)

    def stop(self, *, name: str, delete_data: bool) -> RegistryInfo:
        """See `LocalRegistry.stop`."""
        return down(self._docker, name=name, delete_data=delete_data)

    def pull(self, reference: str = "") -> str:
        """See `LocalRegistry.pull`."""
        reference = reference or PUBLIC_IMAGE
        with self._docker.call(f"pull {reference}", _PULL_LIMIT):
            self._docker.client(_PULL_LIMIT).image.pull(reference, quiet=True)
        return reference

    def load(self, tag: str, image_id: str, archive: Iterable[bytes]) -> str:
        """See `LocalRegistry.load`."""
        return image_store.load(self._docker, tag, image_id, archive)


def up(
    docker: Docker,
    *,
    image: str | Callable[[], str],
    host: str = "127.0.0.1",
    port: int = 5000,
    name: str = "morphops-registry",
    deadline: float = 30,
) -> RegistryInfo:
    """Start the registry, or find it running.

    Args:
        docker: the engine.
        image: what it runs: an image ID or a local reference. Or a function that gets one; it is
            called only where a container has to be made.
        host: a loopback address to bind to.
        port: the port there.
        name: of the container and its volume.
        deadline: seconds that it may take to answer.

    Raises:
        InputError: the address is not loopback.
        PreconditionError: the name or the port is used by something else.
        EngineCallFailed: it does not start, or does not answer in time.
    """
    from morphops.core.release.reference import is_loopback

    if not is_loopback(host):
        raise InputError(
            f"the local registry has no passwords, so it binds to loopback only, not to {host}"
        )
    there = _info(f"{host}:{port}", name, "running")
    found = _find(docker, name)
    if found is not None and found["State"]["Running"] and _bound(found) == (host, port):
        _await(docker, there, deadline)
        return there
    _port_must_be_free(docker, host, port, name)
    runs = image if isinstance(image, str) else image()
    with docker.call(f"start the registry {name}", 60):
        client = docker.client(60)
        if found is not None:
            # Its data is in the volume; the container itself may be of another address or image.
            client.container.remove(found["Id"], force=True)
        client.container.run(
            runs,
            name=name,
            detach=True,
            pull="never",
            publish=[(f"{host}:{port}", _PORT, "tcp")],
            volumes=[(name, _DATA)],
            envs={"REGISTRY_STORAGE_DELETE_ENABLED": "true"},
            labels=ROLE,
            restart="unless-stopped",
            cap_drop=["ALL"],
            security_options=["no-new-privileges"],
            read_only=True,
            log_driver="json-file",
            log_options=["max-size=10m", "max-file=3"],
        )
    _await(docker, there, deadline)
    return replace(there, state="started")


def down(
    docker: Docker, *, name: str = "morphops-registry", delete_data: bool = False
) -> RegistryInfo:
    """Stop and remove the registry; its data stays unless told otherwise.

    Raises:
        PreconditionError: a container of that name was not made by morphops.
        EngineCallFailed: the engine refused.
    """
    found = _find(docker, name)
    bound = _bound(found) if found is not None else None
    address = f"{bound[0]}:{bound[1]}" if bound else ""
    with docker.call(f"stop the registry {name}", 60):
        client = docker.client(60)
        if found is not None:
            client.container.stop(found["Id"], time=10)
            client.container.remove(found["Id"], force=True)
        if delete_data and client.volume.exists(name):
            client.volume.remove(name)
    state: _State = "absent" if found is None else "stopped"
    return replace(_info(address, name, state), deleted=delete_data)


def _info(address: str, name: str, state: _State) -> RegistryInfo:
    return RegistryInfo(state=state, address=address, container=name, volume=name)


def _find(docker: Docker, name: str) -> Mapping[str, Any] | None:
    """Return our container of that name (ContainerInspect), or none.

    Raises:
        PreconditionError: there is one of that name that we did not make.
    """
    found = next(iter(docker.engine.inspect([name])), None)
    if found and not set(ROLE.items()) <= set((found["Config"].get("Labels") or {}).items()):
        raise PreconditionError(
            f"a container {name!r} exists, and morphops did not create it",
            state="nothing was changed",
            hint=f"docker rename {name} another-name   (or choose another name)",
        )
    return found


def _bound(container: Mapping[str, Any]) -> tuple[str, int] | None:
    bindings = (container["HostConfig"].get("PortBindings") or {}).get(f"{_PORT}/tcp") or []
    return (str(bindings[0]["HostIp"]), int(bindings[0]["HostPort"])) if bindings else None


def _port_must_be_free(docker: Docker, host: str, port: int, name: str) -> None:
    if not _listens(host, port):
        return
    holder = "a process outside of Docker"
    for container in docker.engine.containers(all_=False, publish=[str(port)]):
        there = container["Names"][0].removeprefix("/")
        if there == name:
            return
        holder = f"the container {there}"
    raise PreconditionError(
        f"port {port} on {host} is taken by {holder}",
        state="nothing was changed",
        hint=f"ss -ltnp 'sport = :{port}'   (stop it, or choose another port)",
    )


def _listens(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host.strip("[]"), port)) == 0


def _await(docker: Docker, registry: RegistryInfo, deadline: float) -> None:
    """Wait until the registry's API answers.

    Raises:
        EngineCallFailed: it did not in time; with its last lines.
    """
    from morphops.adapters.registry import answers

    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if answers(registry.address, limit=2):
            return
        time.sleep(0.05)
    with docker.call("read the registry's log", 20):
        log = docker.client(20).container.logs(registry.container, tail=12)
    text = log if isinstance(log, str) else ""
    raise EngineCallFailed(
        f"the registry at {registry.address} does not answer after {deadline:g} s",
        detail=tuple(text.splitlines()),
        hint=f"docker logs {registry.container}",
    )
