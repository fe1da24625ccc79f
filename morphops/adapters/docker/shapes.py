"""How a service is to be started, and how a container was: the same facts of two sources. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from posixpath import normpath
from typing import Any

from morphops.core.stack import LaunchConfig

_COMPARED = ("bind", "volume")
# What the engine calls a volume without a name.
_ANONYMOUS = re.compile("[0-9a-f]{64}")


def shape_of_service(spec: Mapping[str, Any]) -> LaunchConfig:
    """From a service as Compose renders it (compose-spec), with volumes by their engine's names."""
    command = _words(spec.get("command"))
    return LaunchConfig(
        command=command or None,
        argv=(*_words(spec.get("entrypoint")), *command),
        user=str(spec.get("user") or ""),
        variables=frozenset(spec.get("environment") or ()),
        mounts=frozenset(
            _mount(m["type"], m["target"], str(m.get("source") or ""), not m.get("read_only"))
            for m in spec.get("volumes") or ()
            if m["type"] in _COMPARED
        ),
        # Where Compose mounts these is written out when it renders them.
        inherited=frozenset(
            normpath(given["target"])
            for kind in ("secrets", "configs")
            for given in spec.get(kind) or ()
            if given.get("target")
        ),
        dropped=_capabilities(spec.get("cap_drop")),
        added=_capabilities(spec.get("cap_add")),
        no_new_privileges=_confined(spec.get("security_opt")),
        read_only=bool(spec.get("read_only")),
        privileged=bool(spec.get("privileged")),
    )


def shape_of_container(inspected: Mapping[str, Any], image: Mapping[str, Any]) -> LaunchConfig:
    """From a container as the engine describes it (Engine API, ContainerInspect).

    Args:
        inspected: the container.
        image: the configuration of its image (ImageInspect, `Config`).
    """
    config, host = inspected["Config"], inspected["HostConfig"]
    return LaunchConfig(
        command=tuple(config.get("Cmd") or ()),
        argv=(inspected.get("Path") or "", *(inspected.get("Args") or ())),
        user=config.get("User") or "",
        variables=names(config.get("Env")),
        mounts=frozenset(
            _mount(m["Type"], m["Destination"], _found(m), bool(m.get("RW")))
            for m in inspected.get("Mounts") or ()
            if m["Type"] in _COMPARED
        ),
        inherited=names(image.get("Env")) | {normpath(path) for path in image.get("Volumes") or ()},
        dropped=_capabilities(host.get("CapDrop")),
        added=_capabilities(host.get("CapAdd")),
        no_new_privileges=_confined(host.get("SecurityOpt")),
        read_only=bool(host.get("ReadonlyRootfs")),
        privileged=bool(host.get("Privileged")),
    )


def names(env: Iterable[str] | None) -> frozenset[str]:
    """The names of `NAME=value` lines."""
    return frozenset(line.partition("=")[0] for line in env or ())


def _words(words: Iterable[Any] | None) -> tuple[str, ...]:
    # What Compose renders can be read by Compose again, so each dollar stands twice.
    return tuple(str(word).replace("$$", "$") for word in words or ())


def _mount(kind: str, inside: str, outside: str, writable: bool) -> tuple[str, str, bool]:
    # The engine cleans paths that Compose leaves as they were written (`/srv/a/`).
    return normpath(inside), normpath(outside) if kind == "bind" else outside, writable


def _found(mount: Mapping[str, Any]) -> str:
    if mount["Type"] != "volume":
        return str(mount.get("Source"))
    name = str(mount.get("Name") or "")
    return "" if _ANONYMOUS.fullmatch(name) else name


def _capabilities(given: Iterable[str] | None) -> frozenset[str]:
    # Engines since 20.10 may write them with their prefix.
    return frozenset(str(name).upper().removeprefix("CAP_") for name in given or ())


def _confined(options: Iterable[str] | None) -> bool:
    texts = {str(option).replace("=", ":") for option in options or ()}
    return bool(texts & {"no-new-privileges", "no-new-privileges:true"})
