"""Reads what a release carries for its services from the working tree."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from morphops.core.checks import plain_secrets
from morphops.core.results.release import CarriedFile
from morphops.errors import ConfigError, InputError
from morphops.site import Site

_PRIVATE_KEY = b"PRIVATE KEY-----"  # RFC 7468, 10 and 13
_MOST = 500  # files


@dataclass(frozen=True, slots=True)
class CarriedFiles:
    """What a release carries for its services.

    Attributes:
        files: path relative to the bundle's folder → bytes.
        executable: those that may be executed.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    executable: set[str] = field(default_factory=set)

    @property
    def rows(self) -> tuple[CarriedFile, ...]:
        """As they are shown."""
        return tuple(
            CarriedFile(path=name, size=len(data), executable=name in self.executable)
            for name, data in sorted(self.files.items())
        )


NO_FILES = CarriedFiles()


def read(site: Site) -> CarriedFiles:
    """Read every file that `compose/carries` of the bundle names.

    Raises:
        ConfigError: one is not there, or is no plain file.
        InputError: they are too large, or hold a secret.
    """
    spec, found = site.bundle.compose, CarriedFiles()
    for name in spec.carries:
        for path in _files_of(site, name):
            _add(site, path, found)
    total = sum(map(len, found.files.values()))
    if total > spec.limits.total or len(found.files) > _MOST:
        largest = sorted(found.rows, key=lambda row: -row.size)[:10]
        raise InputError(
            f"what compose/carries names has {total} bytes in {len(found.files)} files; a release "
            f"may carry {spec.limits.total} bytes in {_MOST} files",
            detail=tuple(f"{row.path}: {row.size} bytes" for row in largest),
            state="nothing was changed",
            hint="put it into an image, name it in compose/data, or raise compose/limits/total",
        )
    return found


def _files_of(site: Site, name: str) -> Iterator[Path]:
    path = site.folder / name
    if path.is_dir():
        yield from sorted(p for p in path.rglob("*") if p.is_symlink() or not p.is_dir())
    elif path.exists():
        yield path
    else:
        raise ConfigError(
            f"{site.shown(path)}: is not there, and compose/carries of the bundle names it",
            state="nothing was changed",
            hint="write it, or take it out of the bundle",
        )


def _add(site: Site, path: Path, found: CarriedFiles) -> None:
    shown, limit = site.shown(path), site.bundle.compose.limits.file
    try:
        about = path.stat()
        inside = path.resolve().is_relative_to(site.folder.resolve())
        if not stat.S_ISREG(about.st_mode) or not inside:
            raise ConfigError(
                f"{shown}: is no file of the bundle's folder, so a release cannot carry it",
                state="nothing was changed",
                hint="put a file there; or name it in compose/data, if it belongs to the machine",
            )
        if about.st_size > limit:
            raise InputError(
                f"{shown} has {about.st_size} bytes; a release carries files of up to {limit}",
                state="nothing was changed",
                hint="put it into an image, name it in compose/data, or raise compose/limits/file",
            )
        data = path.read_bytes()
    except OSError as err:
        raise ConfigError(f"{shown}: cannot be read: {err.strerror}") from None
    if _PRIVATE_KEY in data:
        raise InputError(
            f"{shown} holds a private key, and a release never carries a secret",
            state="nothing was changed",
            hint="name it in compose/data: then it is read from the machine",
        )
    if secrets := plain_secrets.env_secrets(path.name, data.decode(errors="replace")):
        raise InputError(
            f"{shown} sets {', '.join(secrets)}, and a release never carries a secret",
            state="nothing was changed",
            hint="name it in compose/values with its variables, and put them into the env schema: "
            "then their values come from the env file of a deploy",
        )
    name = str(path.relative_to(site.folder))
    found.files[name] = data
    if about.st_mode & stat.S_IXUSR:
        found.executable.add(name)
