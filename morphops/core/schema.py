"""Checks a YAML document against the dataclass that describes it.

The dataclasses are the validator: a key that no class knows is refused where it stands
(`bundle.yaml:41: waves/0/servces: unknown key`).
"""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from morphops.core.nearest import did_you_mean
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError

if typing.TYPE_CHECKING:
    from pydantic import ConfigDict
    from pydantic_core import ErrorDetails

Described = TypeVar("Described")  # the dataclass that describes a document, or a part of one

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")

_UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")


def parse_mapping(text: str, source: str, kind: type[Described]) -> Described:
    """Read a small YAML document by the dataclass that describes it.

    Args:
        text: the document.
        source: how to name it in errors.
        kind: the dataclass.

    Raises:
        ConfigError: with one line for each finding, in the form `source:line: path: what`.
    """
    document, raw = read_mapping(text, source)
    return validate_mapping(kind, raw, document)


def read_mapping(text: str, source: str) -> tuple[YamlText, dict[str, Any]]:
    """Read a YAML document that is a mapping; its values are of whatever YAML type.

    Raises:
        ConfigError: it is not YAML, or not a mapping.
    """
    document = YamlText(source, text)
    raw = document.load()
    if not isinstance(raw, dict):
        raise ConfigError(f"{source}: must be a mapping of keys to values")
    return document, raw


def validate_mapping(
    kind: type[Described], raw: object, document: YamlText, prefix: str = ""
) -> Described:
    """Turn what YAML says into the dataclass that describes it.

    Args:
        kind: the dataclass.
        raw: as YAML says it.
        document: its text, for the lines.
        prefix: where `raw` stands in the document.

    Raises:
        ConfigError: with one line for each finding.
    """
    from pydantic import ValidationError

    try:
        # mypy does not know that a class can be hashed.
        valid: Described = _validator(kind).validate_python(raw)  # type: ignore[arg-type]
        return valid
    except ValidationError as err:
        findings = [_finding(kind, prefix, item) for item in err.errors(include_url=False)]
        raise refusal(document, findings) from None


@functools.cache
def _validator(kind: Any) -> Any:
    """What validates a dataclass; making it costs more than validating every document."""
    from pydantic import ConfigDict, TypeAdapter

    _configure(kind, ConfigDict(extra="forbid", allow_inf_nan=False), set())
    return TypeAdapter(kind)


def refusal(document: YamlText, findings: Sequence[str]) -> ConfigError:
    """One error for all findings, each `path: what`, with the line of its path."""
    lines = []
    for finding in findings:
        path = finding.partition(":")[0].split("/")
        lines.append(f"{document.name}:{document.line(*path)}: {finding}")
    if len(lines) == 1:
        return ConfigError(lines[0])
    return ConfigError(f"{document.name}: {len(lines)} findings", detail=tuple(lines))


def not_negative(**numbers: float) -> list[str]:
    """A finding for each key with a number below 0."""
    return [f"{key}: must not be negative" for key, value in numbers.items() if value < 0]


def more_than_zero(**numbers: float) -> list[str]:
    """A finding for each key with a number of 0 or less."""
    return [f"{key}: must be more than 0" for key, value in numbers.items() if value <= 0]


def _configure(kind: object, config: ConfigDict, seen: set[object]) -> None:
    """Tell pydantic to refuse unknown keys in a dataclass and in every dataclass inside of it.

    It is set from here, because the classes themselves must not import pydantic.
    """
    if kind in seen:
        return
    seen.add(kind)
    if dataclasses.is_dataclass(kind):
        setattr(kind, "__pydantic_config__", config)  # noqa: B010 - not an attribute of its own
        for hint in typing.get_type_hints(kind).values():
            _configure(hint, config, seen)
    for argument in typing.get_args(kind):
        if isinstance(argument, type) or typing.get_args(argument):
            _configure(argument, config, seen)


def _finding(kind: type, prefix: str, item: ErrorDetails) -> str:
    """What pydantic found, as `path: what`."""
    where = "/".join(str(part) for part in (prefix, *item["loc"]) if part != "")
    if item["type"] in _UNKNOWN_KEY:
        return f"{where}: unknown key; {_nearest(kind, item['loc'])}"
    return f"{where}: {_plain(item['type'], item['msg'], item['input'])}"


def _plain(kind: str, message: str, given: object) -> str:
    """What is wrong, and what to write where that is known; no text is repeated."""
    if kind in ("missing", "missing_argument"):
        return "is missing; add it"
    if kind != "string_type":
        return message[:1].lower() + message[1:]
    if isinstance(given, bool):
        return "must be text; put quotes around it"
    if isinstance(given, (int, float)):
        return f'must be text; write "{given}"'
    return "must be text; write it, or leave the key out"


def _nearest(kind: type, loc: Sequence[int | str]) -> str:
    """What may have been meant by an unknown key.

    Args:
        kind: the dataclass that the document is.
        loc: where the key stands in it.
    """
    inside: object = kind
    for part in loc[:-1]:
        inside = _inside(inside, str(part))
    known = _keys(inside)
    otherwise = f"one of {', '.join(known)}" if known else "remove it"
    return did_you_mean(str(loc[-1]), known, otherwise, cutoff=0.7)


def _keys(kind: object) -> list[str]:
    if not dataclasses.is_dataclass(kind):
        return []
    return [field.name for field in dataclasses.fields(kind)]


def _inside(kind: object, part: str) -> object:
    """The dataclass at a key, or at an item, of another type; None where there is none."""
    if dataclasses.is_dataclass(kind):
        kind = _hints(kind).get(part)
    else:  # of a mapping or a tuple, what it holds
        kind = next((a for a in reversed(typing.get_args(kind)) if a is not Ellipsis), None)
    arms = (kind, *typing.get_args(kind)) if isinstance(kind, types.UnionType) else (kind,)
    return next((arm for arm in arms if dataclasses.is_dataclass(arm)), kind)


def _hints(kind: object) -> Mapping[str, object]:
    return typing.get_type_hints(kind)
