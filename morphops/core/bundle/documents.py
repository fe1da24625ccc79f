"""Documents: JSON files on the host that decide some variables (the manifest of a data set)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from morphops.core.bundle.schema import Bundle
from morphops.core.jmespath import search
from morphops.errors import InputError


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as it was read: where it lies and what it says."""

    path: Path
    data: Any


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
