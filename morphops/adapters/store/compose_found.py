"""Finds the compose files of a folder, as Compose does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from morphops.adapters.store import text_file
from morphops.core.bundle.derive.complete import DOTENV
from morphops.core.env import dotenv
from morphops.errors import InputError, MorphopsError

# In the order in which Compose looks (docs.docker.com, "How Compose works").
NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


def find(folder: Path, named: Sequence[str], environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The compose files: those that are named, else `COMPOSE_FILE`, else what lies there or above.

    Args:
        folder: where the person stands.
        named: paths, relative to the folder; one may be several with `:` between.
        environ: the process environment.

    Raises:
        InputError: there is none, or one that is named is not there.
    """
    said = environ.get("COMPOSE_FILE") or values(folder / DOTENV).get("COMPOSE_FILE", "")
    separator = environ.get("COMPOSE_PATH_SEPARATOR", ":")
    names = [part for name in named or (said,) for part in name.split(separator) if part]
    paths = tuple(Path(os.path.normpath(folder / text_file.path(name))) for name in names)
    for path in paths:
        if not path.is_file():
            raise InputError(
                f"{path}: there is no such compose file",
                state="nothing was made",
                hint="inv bundle.init compose.yaml",
            )
    return paths or _beside(folder)


def _beside(folder: Path) -> tuple[Path, ...]:
    for place in (folder, *folder.parents):
        found = next((place / name for name in NAMES if (place / name).is_file()), None)
        if found:
            also = next((place / name for name in OVERRIDES if (place / name).is_file()), None)
            return (found, also) if also else (found,)
    raise InputError(
        f"there is no {', '.join(NAMES)} in {folder} or above it",
        state="nothing was made",
        hint="inv bundle.init PATH_OF_THE_COMPOSE_FILE",
    )


def values(path: Path) -> Mapping[str, str]:
    """The values of an env file beside compose files; none where it cannot be read."""
    try:
        return dotenv.scan(text_file.read(path, path.name), path.name).values
    except (MorphopsError, OSError):
        return {}
