"""The envelope of every result, and the one encoder that makes JSON of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Something that other programs read.

    Within one `schema` fields are added, and never renamed, removed or given another meaning.
    """

    schema: ClassVar[int] = 1

    def as_json(self) -> dict[str, Json]:
        """Return the document as JSON values, with its `schema`."""
        return {"schema": self.schema, **encode_fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Document):
    """What a task came to.

    Attributes:
        state: the outcome, in a word or two.
        exit: the exit code of the process.
    """

    state: str
    exit: int = 0


def json_name(name: str) -> str:
    """Return a field's name as JSON has it: `from_` and `try_` are keywords of Python only."""
    return name.rstrip("_")


def encode_fields(value: object) -> dict[str, Json]:
    """Return the fields of a dataclass as JSON values, by their JSON names.

    Raises:
        TypeError: the value is not a dataclass, or a field has no JSON form.
    """
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} is not a dataclass")
    return {json_name(field.name): encode(getattr(value, field.name)) for field in fields(value)}


def encode(value: object) -> Json:
    """Return a value as JSON values: dataclasses and mappings as objects, tuples as arrays.

    Raises:
        TypeError: it has no JSON form. A guess (`str`) would make an unplanned promise.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): encode(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encode(inner) for inner in value]
    if is_dataclass(value) and not isinstance(value, type):
        return encode_fields(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
