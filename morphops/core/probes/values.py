"""Values as the reasons of probes show them."""

from __future__ import annotations

import json
from typing import Any

_SHOWN = 66  # characters


def brief(value: Any) -> str:
    """A JSON value for a reason: a text without its quotes where that is clear, and not too long.

    Args:
        value: from an answer or a document, of whatever JSON type.
    """
    text = json.dumps(value, sort_keys=True)
    if isinstance(value, str) and not _reads_as_json(value):
        text = value
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}…"


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
