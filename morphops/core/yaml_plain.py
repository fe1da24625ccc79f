"""The data of a YAML document with every scalar as text, as it is written. Pure.

YAML 1.1 makes a number of `22:22` and a truth of `no`. Who looks at a compose file wants neither,
and has to see the tags of Compose, `!reset` and `!override`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError

RESET = "!reset"  # of Compose: what stands below is gone
_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with a tag of its own: `!override [a]`."""

    tag: str
    value: Any


def plain(text: YamlText) -> Any:
    """Return the data of a document: mappings, lists, texts and None; merges (`<<`) are done.

    Raises:
        ConfigError: a part of it holds itself.
    """
    return _Reader(text).value(text.root)


class _Reader:
    def __init__(self, text: YamlText) -> None:
        self._text = text
        self._done: dict[int, Any] = {}
        self._at_work: set[int] = set()

    def value(self, node: Any) -> Any:
        if node is None:
            return None
        key = id(node)
        if key in self._at_work:
            line = node.start_mark.line + 1
            raise ConfigError(f"{self._text.name}:{line}: an alias stands inside of its own anchor")
        if key not in self._done:
            self._at_work.add(key)
            made = self._made(node)
            self._at_work.discard(key)
            self._done[key] = Tagged(node.tag, made) if node.tag.startswith("!") else made
        return self._done[key]

    def _made(self, node: Any) -> Any:
        if node.id == "mapping":
            return self._mapping(node)
        if node.id == "sequence":
            return [self.value(item) for item in node.value]
        return None if node.tag == _NULL else node.value

    def _mapping(self, node: Any) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag != _MERGE:
                own[key.value] = self.value(value)
                continue
            for base in value.value if value.id == "sequence" else [value]:
                found = self.value(base)
                for name, inner in (found if isinstance(found, dict) else {}).items():
                    merged.setdefault(name, inner)  # of several the first one counts
        # Where a key stands decides the order of services; a merged one comes after.
        return {**own, **{name: inner for name, inner in merged.items() if name not in own}}
