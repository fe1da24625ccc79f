"""Holds what tasks return against their published schemas."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from morphops.core.results.base import Document
from tests.paths import ROOT

SCHEMAS = ROOT / "docs" / "schemas"


def valid(name: str, result: Document) -> dict[str, Any]:
    """A result as JSON, after its schema was found to describe it whole."""
    view: dict[str, Any] = json.loads(json.dumps(result.as_json()))
    validate(name, view)
    return view


def validate(name: str, view: object) -> None:
    """Raise where a document is not what docs/schemas says, or has a field that it does not name.

    Args:
        name: of the task, or `error`, `event`, `webhook`.
        view: the document.
    """
    _validator(name).validate(view)


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(_closed(schema))


def _closed(schema: Any) -> Any:
    """The schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [_closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(inner) for key, inner in schema.items()}
    return closed | {"additionalProperties": False} if "title" in schema else closed


def hold_to_schema(task: str, view: dict[str, Any]) -> None:
    """Hold what a task wrote, a result or a failure, against its schema.

    Args:
        task: as it was typed.
        view: what it wrote.
    """
    name = "history.show" if task == "history" else task
    validate("error" if "error" in view else name, view)
