"""Writes override files for Compose. Pure.

JSON is YAML, and one thing more is needed: Compose adds lists to each other. A list with the tag
`!override` takes the place of what is below it (compose-spec, "Merge"; Compose 2.24.4).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

TAG = "!override"


class Whole(list[Any]):
    """A list that takes the place of the one below it."""


def text(document: Mapping[str, Any]) -> bytes:
    """An override file: sorted keys, so that the same document has the same bytes."""
    return (_written(document) + "\n").encode()


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{_joined(f'{json.dumps(k)}: {_written(v)}' for k, v in sorted(value.items()))}}}"
    if isinstance(value, list):
        tag = f"{TAG} " if isinstance(value, Whole) else ""
        return f"{tag}[{_joined(map(_written, value))}]"
    return json.dumps(value)


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def literal(path: str) -> str:
    """A text in which Compose puts no variable in where a dollar stands."""
    return path.replace("$", "$$")
