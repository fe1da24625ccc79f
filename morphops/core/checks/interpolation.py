"""The variables that a compose file names, and how. Pure.

The dialect is that of the compose-spec, "Interpolation": `$NAME`, `${NAME}`, `${NAME:-default}`,
`${NAME-default}`, `${NAME:?error}`, `${NAME?error}`, `${NAME:+value}`, `${NAME+value}`; `$$` is a
dollar. What stands behind the operator may name variables itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from morphops.core.yaml_text import Scalar, YamlText

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a variable is named.

    Attributes:
        name: of the variable.
        operator: `:-`, `-`, `:?`, `?`, `:+` or `+`; empty where there is none.
        word: what stands behind the operator, as it is written.
        file, line: where.
        by_name: whether the key alone takes its value (`environment: [NAME]`), without `${…}`.
        path: of the value in the file.
    """

    name: str
    operator: str
    word: str
    file: str
    line: int
    by_name: bool = False
    path: tuple[str, ...] = ()

    @property
    def refuses(self) -> bool:
        """Whether Compose refuses an empty value here."""
        return self.operator == ":?"


def uses(document: YamlText) -> Iterator[Use]:
    """Every place of a compose file where a variable is named."""
    for path, scalar in document.values():
        for name, operator, word in variables(scalar.value):
            line = scalar.line_of(name)
            yield Use(name, operator, word, document.name, line, path=path)
        if name := _by_name(path, scalar):
            yield Use(name, "", "", document.name, scalar.line, by_name=True, path=path)


def _by_name(path: tuple[str, ...], scalar: Scalar) -> str:
    """The variable that a key names; empty for none.

    Compose-spec: `environment` and `args` of a build ("declared by a single key"), and
    `environment` of a top-level secret or config.
    """
    match path:
        case ("services", _, "environment", key) | ("services", _, "build", "args", key):
            in_list = key.isdigit()
            found = scalar.value if in_list else key if scalar.raw in _NOTHING else ""
        case ("secrets" | "configs", _, "environment"):
            found = scalar.value
        case _:
            found = ""
    return found if _NAME.fullmatch(found) else ""


# How YAML writes that there is no value.
_NOTHING = ("", "~", "null", "Null", "NULL")


def variables(text: str) -> Iterator[tuple[str, str, str]]:
    """The variables in a text, with the operator and what stands behind it."""
    place = 0
    while (place := text.find("$", place)) >= 0:
        place += 1
        if text.startswith("$", place):
            place += 1
        elif text.startswith("{", place):
            end = _end(text, place + 1)
            yield from _braced(text[place + 1 : end])
            place = end
        elif found := _NAME.match(text, place):
            yield found[0], "", ""
            place = found.end()


def substituted(text: str, values: Mapping[str, str]) -> str | None:
    """A text with values for its variables, as Compose puts them in; None where one has no value.

    Args:
        text: as the compose file has it.
        values: of the variables that are set.
    """
    parts: list[str] = []
    place = 0
    while (at := text.find("$", place)) >= 0:
        parts.append(text[place:at])
        place = at + 1
        if text.startswith("$", place):
            parts.append("$")
            place += 1
            continue
        if text.startswith("{", place):
            end = _end(text, place + 1)
            value = _value(text[place + 1 : end], values)
            place = end + 1
        elif found := _NAME.match(text, place):
            value, place = values.get(found[0]), found.end()
        else:
            value = None
        if value is None:
            return None
        parts.append(value)
    return "".join(parts) + text[place:]


def _value(inside: str, values: Mapping[str, str]) -> str | None:
    """The value of what stands between braces."""
    name = _NAME.match(inside)
    if not name:
        return None
    operator = _OPERATOR.match(inside, name.end())
    value = values.get(name[0])
    if operator is None:
        return value
    # With a colon, an empty value counts as none.
    is_set = bool(value) if operator[0].startswith(":") else value is not None
    word = inside[operator.end() :]
    if operator[0].endswith("+"):
        return substituted(word, values) if is_set else ""
    if is_set:
        return value
    return substituted(word, values) if operator[0].endswith("-") else None


def _braced(inside: str) -> Iterator[tuple[str, str, str]]:
    name = _NAME.match(inside)
    if not name:
        return
    operator = _OPERATOR.match(inside, name.end())
    word = inside[operator.end() :] if operator else ""
    yield name[0], operator[0] if operator else "", word
    yield from variables(word)


def _end(text: str, start: int) -> int:
    """Where the brace closes that was opened before `start`."""
    depth, place = 1, start
    while place < len(text):
        if text.startswith("${", place):
            depth += 1
            place += 1
        elif text[place] == "}":
            depth -= 1
            if not depth:
                return place
        place += 1
    return place
