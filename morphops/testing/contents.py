"""The files that services are given, as the fake platform reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import join
from typing import Any, Literal

from morphops.core.env import dotenv
from morphops.core.seal import Seal
from morphops.core.stack import Content, Stack

_KINDS: tuple[tuple[str, Literal["config", "secret"], str], ...] = (
    ("configs", "config", "/"),
    ("secrets", "secret", "/run/secrets"),
)


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A config, a secret, or a file of the machine.

    Attributes:
        kind, name, inside, source: see `Content`.
        data: its bytes; None where there are none.
        released: digest of what the release carries there; empty where it does not.
    """

    kind: Literal["config", "secret", "carried", "host-file"]
    name: str
    data: bytes | None
    source: str
    inside: str = ""
    released: str = ""

    def content(self, seal: Seal) -> Content:
        """What a service says of it."""
        digest = "" if self.data is None else seal.digest(self.data)
        digest = seal.of(self.released) if self.released else digest
        return Content(
            kind=self.kind, name=self.name, digest=digest, inside=self.inside, source=self.source
        )


def contents_of(model: Mapping[str, Any], stack: Stack) -> dict[tuple[str, str], GivenFile]:
    """The configs and secrets that a model declares, by kind and name."""
    values = dotenv.scan(stack.env_file.read_text(), str(stack.env_file)).values
    found: dict[tuple[str, str], GivenFile] = {}
    for key, kind, folder in _KINDS:
        for name, spec in (model.get(key) or {}).items():
            inside, data, source = join(folder, name), None, "the compose files"
            released = ""
            if "file" in spec:
                path = stack.files[0].parent / spec["file"]
                inside, data, source = "", _bytes(path), str(path)
                if carried := stack.carried.get(source):
                    released = carried.digest
            elif "environment" in spec:
                value = values.get(spec["environment"])
                data = None if value is None else value.encode()
                source = f"the variable {spec['environment']}"
            elif "content" in spec:
                data = str(spec["content"]).encode()
            found[kind, str(name)] = GivenFile(kind, str(name), data, source, inside, released)
    return found


def given_to(
    spec: Mapping[str, Any],
    mounts: Iterable[tuple[str, str, bool]],
    declared: Mapping[tuple[str, str], GivenFile],
    stack: Stack,
) -> tuple[GivenFile, ...]:
    """The files that one service is given; of what is mounted, files and what is missing."""
    found = []
    for key, kind, folder in _KINDS:
        for given in spec.get(key) or ():
            long = given if isinstance(given, Mapping) else {"source": given}
            file = declared[kind, str(long["source"])]
            target = str(long.get("target") or long["source"])
            found.append(replace(file, inside=join(folder, target) if file.inside else ""))
    for _, outside, _ in mounts:
        if carried := stack.carried.get(outside):
            data = _bytes(Path(outside))
            name = carried.name
            found.append(GivenFile("carried", name, data, outside, released=carried.digest))
        elif outside in stack.data or not outside.startswith("/"):
            continue
        elif Path(outside).is_file() or not Path(outside).exists():
            found.append(GivenFile("host-file", outside, _bytes(Path(outside)), outside))
    return tuple(found)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
