"""Compose files as one set of services, put together as Compose does, from their YAML alone. Pure.

compose-spec: "Merge Compose files", "Include", "Extend". Nothing is interpolated.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from morphops.core.bundle.derive.merge import merged
from morphops.core.bundle.derive.service_forms import normal, top_level
from morphops.core.yaml_plain import Tagged, plain
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ComposeModel:
    """What some compose files say together; scalars are texts, and no variable has a value.

    Attributes:
        services: by name, in the order in which they are named first. Relative paths are relative
            to the bundle's folder. `depends_on` and `environment` are mappings, `volumes` and
            `env_file` lists of mappings.
        top: the other keys at the top (`volumes`, `secrets`, `configs`, `name` …).
        where: service → `file:line`.
        also: further files that Compose reads (`include`, `extends`), in order.
    """

    services: Mapping[str, Mapping[str, Any]]
    top: Mapping[str, Any] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()


def further(name: str, text: YamlText, base: str) -> tuple[str, ...]:
    """The further files that a compose file has Compose read, relative to the bundle's folder.

    Args:
        name: of the file, relative to the bundle's folder.
        text: its content.
        base: the folder that its relative paths are relative to.

    Raises:
        ConfigError: one of them is not a file beside it.
    """
    document = _document(text)
    named: list[tuple[str, tuple[str, ...]]]
    named = [(path, ("include",)) for item in _includes(document) for path in item.paths]
    for service, spec in _services(document, text).items():
        extends = spec.get("extends") if isinstance(spec, dict) else None
        if isinstance(extends, dict) and extends.get("file"):
            named.append((str(extends["file"]), ("services", service, "extends")))
    for path, where in named:
        if "$" in path or ":" in path:
            raise ConfigError(
                f"{text.name}:{text.line(*where)}: {'/'.join(where)}: {path} cannot be read from "
                "here",
                state="nothing was changed",
                hint="copy the file beside the compose file, and name the copy",
            )
    paths = (posixpath.normpath(posixpath.join(base, path)) for path, _ in named)
    return tuple(dict.fromkeys(paths))


def together(files: Sequence[str], texts: Mapping[str, YamlText]) -> ComposeModel:
    """What some compose files say together.

    Args:
        files: in order, relative to the bundle's folder.
        texts: these files, and the further ones, by the same names.

    Raises:
        ConfigError: a file is missing or no compose file, or services extend each other in a
            circle.
    """
    base = posixpath.dirname(files[0]) if files else ""
    reader = _Reader(texts)
    document: dict[str, Any] = {}
    for name in files:
        document = merged(document, reader.document(name, base))
    services = {
        name: service
        for name, service in (document.pop("services", None) or {}).items()
        if isinstance(service, dict)
    }
    where = {name: reader.where[name] for name in services if name in reader.where}
    also = tuple(name for name in reader.read if name not in files)
    return ComposeModel(services, document, where, also)


class _Reader:
    def __init__(self, texts: Mapping[str, YamlText]) -> None:
        self._texts = texts
        self._at_work: list[tuple[str, str]] = []
        self.read: dict[str, None] = {}
        self.where: dict[str, str] = {}

    def document(self, name: str, base: str) -> dict[str, Any]:
        """A file with what it includes and extends, its paths relative to the bundle's folder."""
        text = self._text(name)
        document = dict(_document(text))
        own = {}
        for service, spec in _services(document, text).items():
            self.where.setdefault(service, f"{text.name}:{text.line('services', service)}")
            is_reset = isinstance(spec, Tagged)
            own[service] = spec if is_reset else self._extended(name, service, spec, base)
        document |= {"services": own, **top_level(document, base)}
        found: dict[str, Any] = {}
        for item in _includes(document):
            found = merged(found, self._included(item, base))
        document.pop("include", None)
        # Tags stay where nothing is included: they may be meant for a file below this one.
        return merged(found, document) if found else document

    def _included(self, item: _Include, base: str) -> dict[str, Any]:
        paths = [posixpath.normpath(posixpath.join(base, path)) for path in item.paths]
        folder = item.folder and posixpath.normpath(posixpath.join(base, item.folder))
        own = folder or posixpath.dirname(paths[0])
        found: dict[str, Any] = {}
        for path in paths:
            found = merged(found, self._once((path, ""), lambda p=path: self.document(p, own)))
        return found

    def _extended(self, file: str, name: str, spec: Mapping[str, Any], base: str) -> Any:
        own = normal({key: value for key, value in spec.items() if key != "extends"}, base)
        extends = spec.get("extends")
        if not extends:
            return own
        other = extends if isinstance(extends, dict) else {"service": extends}
        service, path = str(other.get("service", name)), other.get("file")
        source = posixpath.normpath(posixpath.join(base, str(path))) if path else file
        folder = posixpath.dirname(source) if path else base
        text = self._text(source)
        there = _services(_document(text), text)
        if service not in there:
            line = self._text(file).line("services", name, "extends")
            raise ConfigError(
                f"{self._text(file).name}:{line}: {name} extends {service}, "
                f"which is not in {text.name}"
            )
        below = self._once(
            (source, service), lambda: self._extended(source, service, there[service], folder)
        )
        return merged({"services": {name: below}}, {"services": {name: own}})["services"][name]

    def _once(self, key: tuple[str, str], read: Any) -> Any:
        if key in self._at_work:
            names = " → ".join(" ".join(filter(None, item)) for item in (*self._at_work, key))
            raise ConfigError(f"compose files name each other in a circle: {names}")
        self._at_work.append(key)
        try:
            return read()
        finally:
            self._at_work.pop()

    def _text(self, name: str) -> YamlText:
        if name not in self._texts:
            raise ConfigError(f"{name}: is not there, and the compose files name it")
        self.read.setdefault(name)
        return self._texts[name]


def _document(text: YamlText) -> dict[str, Any]:
    document = plain(text)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{text.name}: is not a compose file: it must be a mapping")
    return document


def _services(document: Mapping[str, Any], text: YamlText) -> dict[str, Any]:
    services = document.get("services") or {}
    if not isinstance(services, dict):
        raise ConfigError(f"{text.name}:{text.line('services')}: services: must be a mapping")
    for name, spec in services.items():
        if not isinstance(spec, dict | Tagged | None):
            line = text.line("services", name)
            raise ConfigError(f"{text.name}:{line}: services/{name}: must be a mapping")
    return {name: spec or {} for name, spec in services.items()}


@dataclass(frozen=True, slots=True)
class _Include:
    paths: tuple[str, ...]
    folder: str = ""


def _includes(document: Mapping[str, Any]) -> Iterator[_Include]:
    for item in document.get("include") or ():
        if isinstance(item, str):
            yield _Include((item,))
        elif isinstance(item, dict):
            path = item.get("path") or ()
            paths = (path,) if isinstance(path, str) else tuple(map(str, path))
            yield _Include(paths, str(item.get("project_directory") or ""))
