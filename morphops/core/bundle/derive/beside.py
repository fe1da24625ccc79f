"""What stands beside compose files: content of the release, data of the machine, or neither. Pure.

Told apart by how it is mounted (read-only), by git, and by what is there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from morphops.core.bundle.derive.compose_files import ComposeModel
from morphops.core.bundle.derive.secret_names import holds_secret, is_secret_name
from morphops.core.checks.interpolation import substituted

Kind = Literal["file", "folder", ""]
Verdict = Literal["carries", "data", "leaves", "values"]

# Of what several say of a path, the first that is said counts.
_ORDER: tuple[Verdict, ...] = ("data", "leaves", "values", "carries")
# What a program writes, though it is a single file.
_WRITTEN = (".db", ".sqlite", ".sqlite3", ".log", ".pid", "acme.json")


@dataclass(frozen=True, slots=True)
class Place:
    """What lies at a path beside the compose files.

    Attributes:
        kind: empty where nothing is there, or neither a file nor a folder (a socket).
        tracked: whether git knows it; None where there is no git.
    """

    kind: Kind
    tracked: bool | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A path beside the compose files that something of them names.

    Attributes:
        path: relative to the bundle's folder, without `./`.
        by: who names it: a service, or `secrets/x`.
        how: `volume`, `env_file`, `secret`, `config` or `compose`.
        read_only: whether the service cannot write there.
        in_context: whether it lies in what the service is built from, or is that.
        is_context: whether it is that.
    """

    path: str
    by: str
    how: Literal["volume", "env_file", "secret", "config", "compose"]
    read_only: bool = True
    in_context: bool = False
    is_context: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """What a bundle's `compose` says of paths beside its files, each with why.

    Attributes:
        carries, data, leaves: path → why.
        values: path of an env file → why; its variables come from the env file of a deploy.
    """

    carries: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    leaves: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


def mounts(model: ComposeModel, values: Mapping[str, str]) -> tuple[Mount, ...]:
    """Every path beside the compose files that they name.

    Args:
        model: what they say.
        values: of `.env`, for `${DATA:-./data}`.
    """
    return tuple(_mounts(model, values))


def _mounts(model: ComposeModel, values: Mapping[str, str]) -> Iterator[Mount]:
    for name in model.also:
        yield Mount(name, "compose", "compose")
    for name, service in model.services.items():
        for item in service.get("env_file") or ():
            if path := _relative(item.get("path"), values):
                yield Mount(path, name, "env_file")
        for item in service.get("volumes") or ():
            path = _relative(item.get("source"), values)
            if path and item.get("type", "bind") == "bind":
                yield _volume(path, name, service, str(item.get("read_only", "")) == "true")
    for key, how in (("secrets", "secret"), ("configs", "config")):
        for name, spec in (model.top.get(key) or {}).items():
            path = _relative(spec.get("file"), values) if isinstance(spec, dict) else ""
            if path:
                yield Mount(path, f"{key}/{name}", "secret" if how == "secret" else "config")


def _volume(path: str, name: str, service: Mapping[str, Any], read_only: bool) -> Mount:
    build = service.get("build")
    context = posixpath.normpath(str(build.get("context", "."))) if build else ""
    inside = bool(context) and (context == "." or f"{path}/".startswith(f"{context}/"))
    return Mount(path, name, "volume", read_only, inside, bool(context) and path == context)


def _relative(text: Any, values: Mapping[str, str]) -> str:
    """A path beside the compose files, without `./`; empty for every other one."""
    path = substituted(str(text or ""), values)
    if path is None or not path.startswith("."):
        return ""
    return posixpath.normpath(path)


def sorted_out(
    found: tuple[Mount, ...],
    places: Mapping[str, Place],
    env_files: Mapping[str, Mapping[str, str]],
) -> Beside:
    """Each path in one of the lists.

    Args:
        found: what the compose files name.
        places: what lies at each path.
        env_files: the values of each env file among them.
    """
    said: dict[str, dict[Verdict, str]] = {}
    for mount in found:
        place = places.get(mount.path, Place(""))
        verdict, why = _verdict(mount, place, env_files.get(mount.path, {}))
        said.setdefault(mount.path, {}).setdefault(verdict, f"{mount.by} {why}")
    lists: dict[Verdict, dict[str, str]] = {key: {} for key in _ORDER}
    for path, verdicts in said.items():
        # What one service writes is data for all of them.
        chosen = next(verdict for verdict in _ORDER if verdict in verdicts)
        lists[chosen][path] = verdicts[chosen]
    return Beside(**lists)


def _verdict(mount: Mount, place: Place, env: Mapping[str, str]) -> tuple[Verdict, str]:
    if mount.how == "compose":
        return "carries", "reads it"
    if mount.how == "secret":
        return "data", "is a secret, which no release carries"
    if mount.how == "env_file":
        return _env_file(mount, place, env)
    if mount.path.startswith(".."):
        return "data", "names it, and it is outside of the bundle's folder"
    if not place.kind:
        return "data", "names it, and nothing is there yet"
    if mount.how != "volume" or mount.read_only:
        return "carries", "reads it"
    return _written(mount, place)


def _env_file(mount: Mount, place: Place, env: Mapping[str, str]) -> tuple[Verdict, str]:
    if any(is_secret_name(name) or holds_secret(value) for name, value in env.items()):
        return "values", "reads it, and it holds secrets"
    own = posixpath.basename(mount.path) == ".env" or place.tracked is False
    if own or not place.kind or mount.path.startswith(".."):
        return "values", "reads it, and it is of this machine"
    return "carries", "reads it"


def _written(mount: Mount, place: Place) -> tuple[Verdict, str]:
    """Of what a service may write to."""
    if mount.path == ".":
        return "leaves", "mounts the whole folder"
    if mount.is_context or (mount.in_context and place.tracked and place.kind == "folder"):
        return "leaves", "is built from it: a source folder, mounted for development"
    if place.tracked:
        return "carries", "mounts it, and it is in git"
    if place.kind == "file" and place.tracked is None and not mount.path.endswith(_WRITTEN):
        return "carries", "mounts this file"
    return "data", "writes to it"
