"""Documents: JSON files on the host that decide some variables (the manifest of a data set)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from posixpath import normpath
from typing import Any

from morphops.core.bundle.schema import Bundle
from morphops.core.jmespath import search
from morphops.core.release.digest import canonical_json, digest_of, short
from morphops.core.stack import Service
from morphops.errors import InputError


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as it was read: where it lies and what it says."""

    path: Path
    data: Any

    @property
    def digest(self) -> str:
        """The SHA-256 of what it says, however it is written."""
        return digest_of(json.dumps(self.data, sort_keys=True).encode())


def with_documents(
    services: Mapping[str, Service],
    loaded: Mapping[str, Loaded],
    digests: Mapping[str, str],
) -> dict[str, Service]:
    """The services, with the documents that they mount as a part of their configuration.

    The path of data that was replaced in place is the same. What the document says is not, and so
    the services that are given it are replaced.

    Args:
        services: as they render.
        loaded: the documents, by name.
        digests: name → `Loaded.digest` at the time of the deployment.
    """
    return {name: _with(service, loaded, digests) for name, service in services.items()}


def _with(service: Service, loaded: Mapping[str, Loaded], digests: Mapping[str, str]) -> Service:
    mounted = {
        f"document {name}": digests[name]
        for name, document in loaded.items()
        if name in digests and is_mounted(document, service)
    }
    if not mounted:
        return service
    config = short(digest_of(canonical_json([service.config, mounted])))
    return replace(service, config=config, keys={**service.keys, **mounted})


def is_mounted(document: Loaded, service: Service) -> bool:
    """Whether a service is given a document, or a folder that it lies in."""
    path = PurePath(normpath(document.path))
    return any(path.is_relative_to(file) for file in service.files)


def replaced_in_place(
    services: Mapping[str, Service],
    loaded: Mapping[str, Loaded],
    digests: Mapping[str, str],
) -> tuple[str, ...]:
    """Documents that say something else than at the deployment, and that a service mounts.

    Args:
        services, loaded, digests: see `with_documents`.
    """
    return tuple(
        f"{document.path} says something else now"
        for name, document in sorted(loaded.items())
        if digests.get(name, document.digest) != document.digest
        and any(is_mounted(document, service) for service in services.values())
    )


def derive_values(bundle: Bundle, loaded: Mapping[str, Loaded]) -> dict[str, str]:
    """The variables that the documents decide.

    Raises:
        InputError: a document does not say what it must.
    """
    values = {}
    for name, document in bundle.documents.items():
        for variable, expression in document.provides.items():
            value = search(expression, loaded[name].data)
            if value is None or isinstance(value, (dict, list)):
                raise InputError(
                    f"document {name}: {loaded[name].path} says no {expression!r}, "
                    f"which {variable} needs",
                    state="nothing was changed",
                )
            values[variable] = value if isinstance(value, str) else json.dumps(value)
            if "\n" in values[variable] or "\r" in values[variable]:
                raise InputError(
                    f"document {name}: {loaded[name].path}: {variable}: {expression!r} holds a "
                    "line break, which no variable of this stack can",
                    state="nothing was changed",
                )
    return values


def changed_since_deploy(
    bundle: Bundle, loaded: Mapping[str, Loaded], values: Mapping[str, str]
) -> tuple[str, ...]:
    """Where documents decide by now something else than what was deployed; each in words.

    Args:
        bundle: names them.
        loaded: as they are now.
        values: what a deployment ran with.

    Raises:
        InputError: a document does not say what it must.
    """
    found = []
    for variable, value in sorted(derive_values(bundle, loaded).items()):
        if values.get(variable) != value:
            name = next(n for n, d in bundle.documents.items() if variable in d.provides)
            was = values.get(variable, "nothing")
            found.append(f"{loaded[name].path} says {variable}={value} now, and it was {was}")
    return tuple(found)


def variable_names(bundle: Bundle) -> frozenset[str]:
    """The names of the variables that documents decide."""
    return frozenset(v for document in bundle.documents.values() for v in document.provides)
