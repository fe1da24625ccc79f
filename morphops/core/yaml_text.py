"""YAML text with its lines, so that a message can name them.

Tags that PyYAML does not know (`!reset` of Compose) are accepted: only `load` constructs values.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from morphops.errors import ConfigError

_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value, its line, and its raw text."""

    value: str
    line: int
    raw: str

    def line_of(self, part: str) -> int:
        """Returns the line of a part's first place; a value may have several lines."""
        return self.line + self.raw[: max(self.raw.find(part), 0)].count("\n")


class YamlText:
    """One YAML document.

    Args:
        name: how messages name the file.
        text: the document.

    Raises:
        ConfigError: it is not YAML, or has a key twice; the message has the line.
    """

    def __init__(self, name: str, text: str) -> None:
        import yaml

        self.name = name
        self.text = text
        self._loader = loader()
        try:
            self._root = self._compose()
        except yaml.YAMLError as err:
            mark = getattr(err, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            what = getattr(err, "problem", None) or str(err).splitlines()[0]
            raise ConfigError(f"{name}{line}: {what}") from None
        except RecursionError:
            raise self._too_deep() from None
        try:
            self._refuse_duplicates(self._root, "", set())
        except RecursionError:
            raise self._too_deep() from None

    def _compose(self) -> Any:
        """The tree. What libyaml refuses is read again by PyYAML, whose words people know."""
        import yaml

        try:
            return yaml.compose(self.text, Loader=self._loader)
        except yaml.YAMLError:
            self._loader = yaml.SafeLoader
            return yaml.compose(self.text, Loader=self._loader)

    def load(self) -> Any:
        """Returns the document's data.

        Raises:
            ConfigError: a value is not what its form promises.
        """
        import yaml

        # What was read need not be read again; but to construct a merge changes the nodes, and the
        # lines that they name.
        try:
            if "<<" not in self.text:
                return _constructed(self._root)
            return yaml.load(self.text, Loader=self._loader)  # noqa: S506 - each is a safe one
        except yaml.MarkedYAMLError as err:
            line = f":{err.problem_mark.line + 1}" if err.problem_mark else ""
            raise ConfigError(f"{self.name}{line}: {err.problem}") from None
        except (ValueError, KeyError, AttributeError) as err:
            # PyYAML raises these for a date like 2024-13-45 or `!!bool perhaps`.
            raise ConfigError(
                f"{self.name}: a value is not of the type that it looks like: {err}"
            ) from None
        except RecursionError:
            raise self._too_deep() from None

    @property
    def root(self) -> Any:
        """The tree of nodes; None for an empty document."""
        return self._root

    def _too_deep(self) -> ConfigError:
        return ConfigError(f"{self.name}: is nested too deeply")

    def find(self, path: tuple[str, ...]) -> tuple[int, int]:
        """Returns how many parts of a path exist, and the line of the last one that does.

        Args:
            path: keys, and numbers of items; merges (`<<`) and aliases are followed.
        """
        node, line = self._root, 1
        for depth, part in enumerate(path):
            found = _child(node, part, set())
            if found is None:
                return depth, line
            line, node = found
        return len(path), line

    def line(self, *path: str) -> int:
        """Returns the line of as much of a path as exists."""
        return self.find(path)[1]

    def locate(self, path: tuple[str, ...]) -> tuple[str, int]:
        """Returns the file's name, and the line of as much of a path as exists."""
        return self.name, self.find(path)[1]

    def keys(self, *path: str) -> tuple[str, ...]:
        """Returns the keys at a path, or the numbers of the items; nothing if it does not exist."""
        node: Any = self._root
        for part in path:
            found = _child(node, part, set())
            if found is None:
                return ()
            node = found[1]
        if node is None or node.id == "scalar":
            return ()
        if node.id == "sequence":
            return tuple(map(str, range(len(node.value))))
        return tuple(key.value for key, _ in node.value)

    def text_at(self, *path: str) -> str:
        """Returns the plain value at a path; empty if there is none, or it is no plain value."""
        node: Any = self._root
        for part in path:
            found = _child(node, part, set())
            if found is None:
                return ""
            node = found[1]
        return str(node.value) if node is not None and node.id == "scalar" else ""

    def values(self) -> Iterator[tuple[tuple[str, ...], Scalar]]:
        """Yields every value with its path, once; what an alias repeats has its first one."""
        stack: list[tuple[tuple[str, ...], Any]] = [((), self._root)]
        seen: set[int] = set()
        while stack:
            path, node = stack.pop()
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            if node.id == "scalar":
                raw = self.text[node.start_mark.index : node.end_mark.index]
                yield path, Scalar(node.value, node.start_mark.line + 1, raw)
            elif node.id == "mapping":
                stack += [((*path, key.value), value) for key, value in reversed(node.value)]
            else:
                items = [((*path, str(n)), item) for n, item in enumerate(node.value)]
                stack += reversed(items)

    def scalars(self) -> Iterator[Scalar]:
        """Yields every value once, without keys."""
        return (scalar for _, scalar in self.values())

    def _refuse_duplicates(self, node: Any, path: str, seen: set[int]) -> None:
        """Refuse two equal keys, of which YAML takes the last one."""
        if node is None or id(node) in seen:  # an alias; it may be inside of its own anchor
            return
        seen.add(id(node))
        if node.id == "mapping":
            keys = set()
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.id != "scalar":
                    raise ConfigError(f"{self.name}:{line}: a key must be plain text")
                where = f"{path}/{key.value}".lstrip("/")
                if key.value in keys:
                    raise ConfigError(f"{self.name}:{line}: {where}: stands here a second time")
                keys.add(key.value)
                self._refuse_duplicates(value, where, seen)
        elif node.id == "sequence":
            for number, item in enumerate(node.value):
                self._refuse_duplicates(item, f"{path}/{number}", seen)


def _constructed(root: Any) -> Any:
    """The data of a document that was composed."""
    import yaml

    if root is None:
        return None
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(root)
    finally:
        loader.dispose()


@functools.cache
def loader() -> Any:
    """A safe loader that lets libyaml scan, where PyYAML was built with it.

    Its own `CSafeLoader` composes in C as well, where deep nesting ends the process; PyYAML's
    composer raises RecursionError.
    """
    import yaml
    from yaml.composer import Composer
    from yaml.constructor import SafeConstructor
    from yaml.resolver import Resolver

    if not yaml.__with_libyaml__:
        return yaml.SafeLoader
    from yaml._yaml import CParser

    class Loader(Composer, CParser, SafeConstructor, Resolver):
        def __init__(self, stream: str) -> None:
            CParser.__init__(self, stream)
            Composer.__init__(self)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)

    return Loader


def _child(node: Any, part: str, seen: set[int]) -> tuple[int, Any] | None:
    """The line and the node of a key or an item."""
    if node is None or id(node) in seen:
        return None
    seen.add(id(node))
    if node.id == "sequence":
        return _item(node, part)
    if node.id == "mapping":
        return _own_value(node, part) or _merged_value(node, part, seen)
    return None


def _item(sequence: Any, part: str) -> tuple[int, Any] | None:
    if not part.isdigit() or int(part) >= len(sequence.value):
        return None
    item = sequence.value[int(part)]
    return item.start_mark.line + 1, item


def _own_value(mapping: Any, part: str) -> tuple[int, Any] | None:
    """The value of a key that the mapping itself has."""
    for key, value in mapping.value:
        if key.id == "scalar" and key.value == part:
            return key.start_mark.line + 1, value
    return None


def _merged_value(mapping: Any, part: str, seen: set[int]) -> tuple[int, Any] | None:
    """The value of a key in what the mapping merges (`<<`)."""
    merges = (value for key, value in mapping.value if key.tag == _MERGE)
    for value in merges:
        for base in value.value if value.id == "sequence" else [value]:
            if found := _child(base, part, seen):
                return found
    return None
