"""Checks a YAML document against the dataclass that describes it. Pure.

The dataclasses are the validator: a key that no class knows is refused where it stands
(`bundle.yaml:41: waves/0/servces: unknown key`).
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import types
from collections.abc import Sequence
from typing import Any, TypeVar

from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def parse_mapping(text: str, source: str, kind: type[T]) -> T:
    """Any other small document of ours, by the dataclass that describes it.

    Raises:
        ConfigError: as for `parse_bundle`.
    """
    document, raw = read_mapping(text, source)
    return validate_mapping(kind, raw, document)


def validate_mapping(kind: type[T], raw: Any, document: YamlText, prefix: str = "") -> T:
    from pydantic import ValidationError

    try:
        # mypy does not know that a class can be hashed.
        valid: T = _validator(kind).validate_python(raw)  # type: ignore[arg-type]
        return valid
    except ValidationError as err:
        findings = []
        for item in err.errors(include_url=False):
            path = "/".join(str(part) for part in item["loc"])
            where = "/".join(part for part in (prefix, path) if part)
            if item["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
                says = f"unknown key; {_nearest(kind, item['loc'])}"
            else:
                says = _plain(item["type"], item["msg"], item["input"])
            findings.append(f"{where}: {says}")
        raise refusal(document, findings) from None


@functools.cache
def _validator(kind: Any) -> Any:
    """What validates a dataclass; making it costs more than validating every document."""
    from pydantic import ConfigDict, TypeAdapter

    _forbid_unknown_keys(kind, ConfigDict(extra="forbid", allow_inf_nan=False))
    return TypeAdapter(kind)


def _forbid_unknown_keys(kind: Any, config: Any, seen: set[Any] | None = None) -> None:
    """Tell pydantic to refuse unknown keys in a dataclass and in every dataclass inside of it.

    It is set from here, because the classes themselves must not import pydantic.
    """
    import typing

    seen = seen if seen is not None else set()
    if kind in seen:
        return
    seen.add(kind)
    if dataclasses.is_dataclass(kind):
        setattr(kind, "__pydantic_config__", config)  # noqa: B010 - not an attribute of its own
        for hint in typing.get_type_hints(kind).values():
            _forbid_unknown_keys(hint, config, seen)
    for argument in typing.get_args(kind):
        if isinstance(argument, type) or typing.get_args(argument):
            _forbid_unknown_keys(argument, config, seen)


def _plain(kind: str, message: str, given: Any) -> str:
    """What is wrong, and what to write where that is known; of a text nothing is repeated."""
    if kind in ("missing", "missing_argument"):
        return "is missing; add it"
    if kind == "string_type" and isinstance(given, bool):
        return "must be text; put quotes around it"
    if kind == "string_type" and isinstance(given, (int, float)):
        return f'must be text; write "{given}"'
    if kind == "string_type":
        return "must be text; write it, or leave the key out"
    return message[:1].lower() + message[1:]


def _nearest(kind: Any, loc: Sequence[int | str]) -> str:
    """What may have been meant by an unknown key.

    Args:
        kind: the dataclass that the document is.
        loc: where the key stands in it.
    """
    for part in loc[:-1]:
        kind = _inside(kind, str(part))
    known = [field.name for field in dataclasses.fields(kind)] if kind else []
    near = difflib.get_close_matches(str(loc[-1]), known, 1, cutoff=0.7)
    if near:
        return f"did you mean {near[0]}?"
    return f"one of {', '.join(known)}" if known else "remove it"


def _inside(kind: Any, part: str) -> Any:
    """The dataclass that stands at a key, or an item, of another kind; None where none does."""
    import typing

    if dataclasses.is_dataclass(kind):
        kind = typing.get_type_hints(kind).get(part)
    else:  # of a mapping or a tuple, what it holds
        kind = next((a for a in reversed(typing.get_args(kind)) if a is not Ellipsis), None)
    arms = (kind, *typing.get_args(kind)) if isinstance(kind, types.UnionType) else (kind,)
    return next((arm for arm in arms if dataclasses.is_dataclass(arm)), kind)


def refusal(document: YamlText, findings: Sequence[str]) -> ConfigError:
    """One error for all findings, each `path: what`, with the line of its path."""
    lines = []
    for finding in findings:
        path = finding.partition(":")[0].split("/")
        lines.append(f"{document.name}:{document.line(*path)}: {finding}")
    if len(lines) == 1:
        return ConfigError(lines[0])
    return ConfigError(f"{document.name}: {len(lines)} findings", detail=tuple(lines))


def read_mapping(text: str, source: str) -> tuple[YamlText, dict[str, Any]]:
    document = YamlText(source, text)
    raw = document.load()
    if not isinstance(raw, dict):
        raise ConfigError(f"{source}: must be a mapping of keys to values")
    return document, raw
