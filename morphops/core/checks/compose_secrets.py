"""Rules for secrets in compose files: plain ones, and those that others can read. Pure.

The model is rendered with a sentinel as the value of each secret. So a sentinel in a text shows
that a variable put it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from morphops.core.checks import plain_secrets
from morphops.core.rule import Breach, Path, Rule, at

Broken: TypeAlias = Iterator[Breach[Path]]

LITERAL = "literal-secret"


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a service.

    Attributes:
        service: as Compose renders it.
        sentinels: variable → its sentinel.
    """

    service: Mapping[str, Any]
    sentinels: Mapping[str, str]

    def is_plain(self, text: str) -> bool:
        """Returns whether no secret variable put a value into a text."""
        return not any(sentinel in text for sentinel in self.sentinels.values())


def _plain_values(texts: Texts) -> Broken:
    """Variables that are called like a secret, and URLs with a password."""
    for path, text in _texts(texts.service):
        variable = path[0] == "environment"
        secret = variable and plain_secrets.secret_name(path[-1])
        is_value = text not in ("", path[-1])
        if is_value and texts.is_plain(text) and (secret or plain_secrets.has_password(text)):
            yield at(*path, what=path[-1] if variable else path[0])


def _passed_secrets(texts: Texts) -> Broken:
    """Flags, headers and labels with a value."""
    found = ((path, what) for path, what, value in _passed(texts.service) if texts.is_plain(value))
    return (at(*path, what=what) for path, what in dict.fromkeys(found))


def _readable_secrets(texts: Texts) -> Broken:
    for path, text in _texts({k: v for k, v in texts.service.items() if k != "environment"}):
        for variable, sentinel in texts.sentinels.items():
            if sentinel in text:
                yield at(*path, variable=variable, key=path[0])


def _passed(service: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Path, name and value of each secret in a flag, a header or a label."""
    for path, line in _command_lines(service):
        for place, name, value in _in_line(line):
            yield (*path, str(place)), f"{name} in {path[0]}", value
    for variable, value in (service.get("environment") or {}).items():
        text = str(value or "")
        for name, found in (*plain_secrets.flags(text.split()), *plain_secrets.headers(text)):
            yield ("environment", variable), f"{name} in {variable}", found
    for label, value in (service.get("labels") or {}).items():
        if plain_secrets.takes_secret(label) and plain_secrets.literal(str(value)):
            yield ("labels", label), f"label {label}", str(value)


def _command_lines(service: Mapping[str, Any]) -> Iterator[tuple[Path, Sequence[str]]]:
    """Path and words of each command line of a service."""
    health = service.get("healthcheck") or {}
    lines: tuple[tuple[Path, Any], ...] = (
        (("healthcheck", "test"), health.get("test")),
        (("entrypoint",), service.get("entrypoint")),
        (("command",), service.get("command")),
    )
    for path, items in lines:
        yield path, [items] if isinstance(items, str) else [str(item) for item in items or ()]


def _in_line(line: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Item, name and value of each secret on a command line."""
    # A script is one item with words of its own.
    scripts = ((n, plain_secrets.words(item)) for n, item in enumerate(line) if " " in item)
    for number, words in ((0, line), *scripts):
        for name, value in plain_secrets.flags(words):
            place = next((n for n, item in enumerate(line) if item.startswith(name)), number)
            yield place, name, value
    for number, item in enumerate(line):
        yield from ((number, name, value) for name, value in plain_secrets.headers(item))


def _texts(value: Any, path: Path = ()) -> Iterable[tuple[Path, str]]:
    """Path and text of every text in a model, keys included."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*path, str(key)), str(key)
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, str(number)))
    elif isinstance(value, str):
        yield path, value


RULES: tuple[Rule[Texts, Path], ...] = (
    Rule(
        LITERAL,
        _plain_values,
        "{what} seems to hold a secret as it is",
        "use a variable that the env schema calls secret",
    ),
    Rule(
        LITERAL,
        _passed_secrets,
        "{what} seems to hold a secret as it is",
        "pass it in the environment, by a variable that the env schema calls secret",
    ),
    Rule(
        "",
        _readable_secrets,
        "the secret {variable} stands in {key}, where others can read it",
        "pass it in the environment",
    ),
)
