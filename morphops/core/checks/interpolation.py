"""The variables that a compose file names, and how. Pure.

The dialect is that of the compose-spec, "Interpolation": `$NAME`, `${NAME}`, `${NAME:-default}`,
`${NAME-default}`, `${NAME:?error}`, `${NAME?error}`, `${NAME:+value}`, `${NAME+value}`; `$$` is a
dollar. What stands behind the operator may name variables itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    """

    name: str
    operator: str
    word: str
    file: str
    line: int
    by_name: bool = False

    @property
    def refuses(self) -> bool:
        """Whether Compose refuses an empty value here."""
        return self.operator == ":?"


def uses(document: YamlText) -> Iterator[Use]:
    """Every place of a compose file where a variable is named."""
    for path, scalar in document.values():
        for name, operator, word in variables(scalar.value):
            yield Use(name, operator, word, document.name, scalar.line_of(name))
        if name := _by_name(path, scalar):
            yield Use(name, "", "", document.name, scalar.line, by_name=True)


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
