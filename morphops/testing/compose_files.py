"""Reads Compose files in a simple way, for the fake platform.

It understands what test stacks need:

- several files: maps are merged, lists are appended, commands replaced
- `profiles`, and `${NAME}`, `${NAME:-default}`, `${NAME:?why}`, `${NAME:+text}`, `$$`
- networks and volumes with their names, short and long ports, and JSON marks

It has no `extends`, no `include` and no YAML tags. A test of such things needs a real engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from morphops.core.env import dotenv
from morphops.core.stack import Stack
from morphops.errors import ConfigError, InputError

MARKS = "marks"  # the only key of a file of marks
# A later file replaces these, and does not add to them.
_REPLACED = ("command", "entrypoint", "test")
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?:(:?[-?+])([^}]*))?\}|(\w+))")


def read_model(stack: Stack) -> dict[str, Any]:
    """The merged model of a stack's files, with its values put in, without the marks.

    Raises:
        ConfigError: a file is not Compose YAML, or a variable is missing.
    """
    values = _values(stack.env_file)
    model: dict[str, Any] = {}
    for path in stack.files:
        document = _document(_text(path), str(path))
        if set(document) != {MARKS}:
            model = _merge(model, document)
    services = {
        name: spec
        for name, spec in (model.get("services") or {}).items()
        if _is_on(spec, stack.profiles)
    }
    interpolated = _interpolate({**model, "services": services}, values)
    return interpolated if isinstance(interpolated, dict) else {}


def read_marks(stack: Stack) -> Mapping[str, Mapping[str, Any]]:
    """Service → its marks; empty where the stack has no file of them."""
    for path in reversed(stack.files):
        document = _document(_text(path), str(path))
        if set(document) == {MARKS}:
            return document[MARKS] or {}
    return {}


def encode_marks(marks: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A file of marks; see `read_marks`."""
    return json.dumps({MARKS: marks}, sort_keys=True).encode()


def _values(path: Path) -> Mapping[str, str]:
    try:
        return dotenv.scan(_text(path), str(path)).values
    except InputError as err:
        raise ConfigError(err.what, detail=err.detail) from None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as err:
        raise ConfigError(f"{path}: {err.strerror}") from None


@lru_cache(maxsize=256)
def _document(text: str, source: str) -> dict[str, Any]:
    """A YAML file; the same text is parsed once, so what it returns must not be changed."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(text, loader)  # noqa: S506 - both loaders are safe ones
    except yaml.YAMLError as err:
        raise ConfigError(f"{source}: is not YAML: {err}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{source}: is not a Compose file")
    return document


def _is_on(spec: Mapping[str, Any], profiles: tuple[str, ...]) -> bool:
    wanted = spec.get("profiles")
    return not wanted or "*" in profiles or bool(set(wanted) & set(profiles))


def _merge(below: Any, above: Any, key: str = "") -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        merged = {name: _merge(below[name], above[name], name) for name in below.keys() & above}
        return {**below, **above, **merged}
    if isinstance(below, list) and isinstance(above, list) and key not in _REPLACED:
        return [*below, *above]
    return above


def _interpolate(node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolate(inner, values) for key, inner in node.items()}
    if isinstance(node, list):
        return [_interpolate(inner, values) for inner in node]
    if isinstance(node, str) and "$" in node:
        return _VARIABLE.sub(lambda found: _replacement(found, values), node)
    return node


def _replacement(found: re.Match[str], values: Mapping[str, str]) -> str:
    name, how, text = found[1] or found[4], found[2] or "", found[3] or ""
    if name is None:  # two dollars stand for one
        return "$"
    value = values.get(name)
    # With a colon, an empty value counts as none.
    is_set = bool(value) if how.startswith(":") else value is not None
    if how.endswith("+"):
        return text if is_set else ""
    if is_set:
        return value or ""
    if how.endswith("?"):
        raise ConfigError(f"required variable {name} is missing a value: {text}")
    return text if how.endswith("-") else ""
