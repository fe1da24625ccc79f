"""Documents: JSON files on the host that decide some variables (the manifest of a data set)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from morphops.bundle import Bundle
from morphops.errors import InputError

# `{NAME}` in a document's path.
FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as it was read: where it lies and what it says."""

    path: Path
    data: Any


def load(bundle: Bundle, values: Mapping[str, str]) -> dict[str, Loaded]:
    """Read every document of the bundle.

    Args:
        bundle: names them.
        values: the env file's values, for the paths.

    Raises:
        InputError: one is not there, or is no JSON.
    """
    loaded = {}
    for name, document in bundle.documents.items():
        path = Path(_fill(document.path, values, f"documents/{name}/path"))
        try:
            loaded[name] = Loaded(path, json.loads(path.read_bytes()))
        except FileNotFoundError:
            raise InputError(
                f"document {name}: there is no {path}",
                state="nothing was changed",
                hint="mend the folder in the env file, or put the data there",
            ) from None
        except OSError as err:
            raise InputError(f"document {name}: {path}: {err.strerror}") from None
        except (ValueError, RecursionError) as err:
            raise InputError(
                f"document {name}: {path} is no JSON: {err}", state="nothing was changed"
            ) from None
    return loaded


def provided(bundle: Bundle, loaded: Mapping[str, Loaded]) -> dict[str, str]:
    """The variables that the documents decide.

    Raises:
        InputError: a document does not say what it must.
    """
    values = {}
    for name, document in bundle.documents.items():
        for variable, expression in document.provides.items():
            value = find(expression, loaded[name].data)
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


def replaced(
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
    for variable, value in sorted(provided(bundle, loaded).items()):
        if values.get(variable) != value:
            name = next(n for n, d in bundle.documents.items() if variable in d.provides)
            was = values.get(variable, "nothing")
            found.append(f"{loaded[name].path} says {variable}={value} now, and it was {was}")
    return tuple(found)


def variables(bundle: Bundle) -> frozenset[str]:
    """The names of the variables that documents decide."""
    return frozenset(v for document in bundle.documents.values() for v in document.provides)


def find(expression: str, data: Any) -> Any:
    """What a JMESPath expression finds; None where it finds nothing or does not fit the data."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(expression, data)
    except JMESPathError:
        return None


def invalid(expression: str) -> str:
    """Why a text is no JMESPath expression; empty for one that is."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(expression)
    except JMESPathError as err:
        what = str(err).splitlines()[0].removeprefix("Invalid jmespath expression: ")
        return f"no JMESPath expression: {what.removesuffix(':').removesuffix(', for expression')}"
    return ""


def _fill(template: str, values: Mapping[str, str], where: str) -> str:
    for name in FIELD.findall(template):
        if not values.get(name):
            raise InputError(f"{where}: {name} is not set in the env file")
    return FIELD.sub(lambda field: values[field[1]], template)
