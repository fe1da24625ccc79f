"""How a service is to be started, and how a container was: the same facts of two sources. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from posixpath import normpath
from typing import Any

from morphops.core.stack import EVERYWHERE, LaunchConfig

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
            _given_at(kind, given)
            for kind in ("secrets", "configs")
            for given in spec.get(kind) or ()
            if given.get("target") or given.get("source")
        ),
        dropped=_capabilities(spec.get("cap_drop")),
        added=_capabilities(spec.get("cap_add")),
        no_new_privileges=_confined(spec.get("security_opt")),
        read_only=bool(spec.get("read_only")),
        privileged=bool(spec.get("privileged")),
    )


def _given_at(kind: str, given: Mapping[str, Any]) -> str:
    """Where a secret or a config is mounted (compose-spec, `secrets` and `configs`, `target`).

    A secret's target may be the name of a file in /run/secrets, and a config without one is below
    the root.
    """
    target = str(given.get("target") or given["source"])
    if target.startswith("/"):
        return normpath(target)
    return normpath(f"/run/secrets/{target}" if kind == "secrets" else f"/{target}")


def with_mounts_of(
    shapes: Mapping[str, LaunchConfig], specs: Mapping[str, Mapping[str, Any]]
) -> dict[str, LaunchConfig]:
    """The shapes of services, with what each gets by `volumes_from` of another one.

    Args:
        shapes: by service.
        specs: the services as Compose renders them; `service[:mode]` or `container:name[:mode]`.
    """
    return {name: _with_mounts(name, shapes, specs, frozenset()) for name in shapes}


def _with_mounts(
    name: str,
    shapes: Mapping[str, LaunchConfig],
    specs: Mapping[str, Mapping[str, Any]],
    seen: frozenset[str],
) -> LaunchConfig:
    shape, mounts, inherited = shapes[name], set(shapes[name].mounts), set(shapes[name].inherited)
    own = {inside for inside, _, _ in mounts}
    for text in specs[name].get("volumes_from") or ():
        other, _, mode = str(text).partition(":")
        if other == "container":  # not of this stack; what it has is not known here
            inherited.add(EVERYWHERE)
        if other not in shapes or other in {*seen, name}:
            continue
        brought = _with_mounts(other, shapes, specs, seen | {name})
        mounts |= {
            (inside, outside, writable and mode != "ro")
            for inside, outside, writable in brought.mounts
            if inside not in own
        }
        inherited |= brought.inherited
    return replace(shape, mounts=frozenset(mounts), inherited=frozenset(inherited))


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


def shape_seen(inspected: Mapping[str, Any], image: Mapping[str, Any]) -> LaunchConfig:
    """How a container was started; nothing of it where that cannot be read, so that it differs."""
    try:
        return shape_of_container(inspected, image)
    except (AttributeError, KeyError, TypeError, ValueError):
        return LaunchConfig()


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
