"""The files that services are given: configs, secrets, and files of the machine.

Compose's own digest of a service has no content in it, and neither has what the engine shows. So
the content is hashed here, where it comes from.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from morphops.adapters.docker.normal import place_of
from morphops.core.seal import Seal
from morphops.core.stack import Content

# A larger file is data. To hash it at each look would take longer than the look.
LARGEST = 16 << 20  # bytes


class Contents:
    """What the services of one rendering are given; each source is read once.

    Args:
        rendered: the whole model (`docker compose config --format json`).
        environment: what Compose takes `environment:` of configs and secrets from.
        seal: makes the digests.
        here: whether paths of the model are of this machine.
    """

    def __init__(
        self,
        rendered: Mapping[str, Any],
        environment: Mapping[str, str],
        seal: Seal,
        *,
        here: bool,
    ) -> None:
        self._rendered = rendered
        self._environment = environment
        self._seal = seal
        self._here = here
        self._files: dict[str, str] = {}

    def of(self, spec: Mapping[str, Any]) -> tuple[Content, ...]:
        """Return what one service is given."""
        found = (
            *self._given(spec, "configs", "config", ""),
            *self._given(spec, "secrets", "secret", "/run/secrets"),
            *self._mounted(spec),
        )
        return tuple(dict.fromkeys(found))

    def _given(
        self,
        spec: Mapping[str, Any],
        key: str,
        kind: Literal["config", "secret"],
        folder: str,
    ) -> Iterator[Content]:
        declared = self._rendered.get(key) or {}
        for given in spec.get(key) or ():
            name = str(given["source"])
            source = declared.get(name) or {}
            if path := source.get("file"):
                if self._here:
                    digest = self._file(str(path))
                    yield Content(kind=kind, name=name, digest=digest, source=str(path))
                continue
            data, where = self._inline(source)
            if where:
                yield Content(
                    kind=kind,
                    name=name,
                    digest="" if data is None else self._seal.digest(data.encode()),
                    inside=place_of(given, folder),
                    source=where,
                )

    def _inline(self, source: Mapping[str, Any]) -> tuple[str | None, str]:
        """Return the text that Compose copies into the container, and what it takes it from."""
        if variable := source.get("environment"):
            return self._environment.get(variable), f"the variable {variable}"
        if source.get("content") is not None:
            # What Compose renders can be read by Compose again, so each dollar stands twice.
            return str(source["content"]).replace("$$", "$"), "the compose files"
        return None, ""

    def _mounted(self, spec: Mapping[str, Any]) -> Iterator[Content]:
        if not self._here:
            return
        for mount in spec.get("volumes") or ():
            path = str(mount.get("source") or "")
            if mount["type"] == "bind" and path and not _is_something_else(path):
                digest = self._file(path)
                yield Content(kind="host-file", name=path, digest=digest, source=path)

    def _file(self, path: str) -> str:
        if path not in self._files:
            self._files[path] = digest_of_file(path, self._seal)
        return self._files[path]


def digest_of_file(path: str, seal: Seal) -> str:
    """Return the digest of a file; empty where there is none.

    Some files are too large to be read at each look, or may not be read. Their size and the time
    of their last change stand for their content.
    """
    try:
        found = Path(path).stat()
    except OSError:
        return ""
    if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST:
        try:
            return seal.digest(Path(path).read_bytes())
        except OSError:
            pass
    return seal.of(["size and time", found.st_size, found.st_mtime_ns])


def _is_something_else(path: str) -> bool:
    """Return whether a path leads to something that has no content of its own: a folder, a socket.

    What is in a folder is data.
    """
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except OSError:
        return False
