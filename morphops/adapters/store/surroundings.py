"""Reads what lies beside a short bundle, so that `core/bundle/derive` can complete it."""

from __future__ import annotations

import posixpath
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from morphops.adapters.store import text_file
from morphops.adapters.store.compose_found import values
from morphops.core.bundle.derive.beside import Kind, Mount, Place, mounts
from morphops.core.bundle.derive.complete import DOTENV, SCHEMA, Surroundings
from morphops.core.bundle.derive.compose_files import further, together
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError

_GIT_LIMIT = 10.0  # seconds
# Git keeps no empty folder; these stand in one for that.
_EXAMPLES = (".example", ".sample", ".template", ".dist")
_KEEPERS = (".gitkeep", ".keep", ".gitignore")


def read(folder: Path, files: Sequence[str], *, shown: str, runbooks: str) -> Surroundings:
    """What lies beside a bundle.

    Args:
        folder: the bundle's.
        files: its compose files, relative to that.
        shown: how messages name the folder; empty, or with a `/` at the end.
        runbooks: the folder of the runbooks, relative to the bundle's.

    Raises:
        ConfigError: a compose file is not there, or is not YAML.
    """
    texts = _texts(folder, files, shown)
    of_dotenv = values(folder / posixpath.dirname(files[0]) / DOTENV)
    found = mounts(together(files, texts), of_dotenv)
    return Surroundings(
        texts=texts,
        values=of_dotenv,
        places=_places(folder, found),
        env_files={m.path: _env_file(folder / m.path) for m in found if m.how == "env_file"},
        schema=(folder / SCHEMA).is_file(),
        runbooks=runbooks,
        has_runbooks=any((folder / runbooks).glob("*.md")),
    )


def _texts(folder: Path, files: Sequence[str], shown: str) -> dict[str, YamlText]:
    """The compose files, and those that they name, by their path from the bundle's folder."""
    texts: dict[str, YamlText] = {}
    base = posixpath.dirname(files[0])
    waiting = [(name, base, "the bundle") for name in files]
    while waiting:
        name, base, by = waiting.pop(0)
        if name in texts:
            continue
        path = folder / name
        if not path.is_file():
            raise ConfigError(
                f"{shown}{name}: is not there, and {by} names it",
                state="nothing was changed",
                hint="write it, or fix its path",
            )
        texts[name] = YamlText(f"{shown}{name}", text_file.read(path, f"{shown}{name}"))
        more = further(name, texts[name], base)
        waiting += [(other, posixpath.dirname(other), f"{shown}{name}") for other in more]
    return texts


def _env_file(path: Path) -> Mapping[str, str]:
    """The values of a service's env file, and without one the names that its example has."""
    examples = (path.with_name(path.name + suffix) for suffix in _EXAMPLES)
    names = {name: "" for example in examples for name in values(example)}
    return {**names, **values(path)}


def _places(folder: Path, found: Iterable[Mount]) -> dict[str, Place]:
    paths = dict.fromkeys(mount.path for mount in found)
    # Only of what a service may write, and of env files, does git tell us anything.
    written = [m.path for m in found if m.how == "env_file" or not m.read_only]
    tracked = _tracked(folder, list(dict.fromkeys(written))) if written else None
    return {path: _place(folder, path, tracked) for path in paths}


def _place(folder: Path, path: str, tracked: frozenset[str] | None) -> Place:
    place = folder / path
    kind: Kind = "folder" if place.is_dir() else "file" if place.is_file() else ""
    if tracked is None:
        return Place(kind)
    inside = (name for name in tracked if name == path or name.startswith(f"{path}/"))
    return Place(kind, any(posixpath.basename(name) not in _KEEPERS for name in inside))


def _tracked(folder: Path, paths: Sequence[str]) -> frozenset[str] | None:
    """The files of git at some paths, relative to the folder; None where there is no git."""
    inside = [path for path in paths if not path.startswith("..")]
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "ls-files", "-z", "--", *inside],
            capture_output=True,
            timeout=_GIT_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return frozenset(done.stdout.decode(errors="replace").split("\0")[:-1])
