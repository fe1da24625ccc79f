"""What compose files name that a release does not carry: other files, and relative paths. Pure.

`release.create`, `deploy` and `bundle.check` all judge by this, so that they answer alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from posixpath import dirname, join, normpath

from morphops.core.bundle import beside
from morphops.core.bundle.schema import Bundle
from morphops.core.rule import Path
from morphops.core.yaml_text import YamlText

# Compose reads these while it renders; without one of these words a text names none.
_WORDS = ("include", "extends", "env_file", "label_file")
# Of the long forms of `include` and `env_file`.
_FILE_KEYS = ("path", "env_file")
_OF_SERVICES: tuple[Path, ...] = (("env_file",), ("label_file",), ("extends", "file"))


def may_include(text: str) -> bool:
    """Whether a text may name a file that Compose reads; a quick look, before it is parsed."""
    return any(word in text for word in _WORDS)


def included(source: YamlText, bundle: Bundle) -> Iterator[Path]:
    """The places of a compose file that name another file, which Compose reads as it renders.

    A release has those that it carries, and none else. Compose would read what lies there at each
    deploy, or read nothing, and a rollback would bring what lies there now.

    Args:
        source: the compose file.
        bundle: says what is carried, and of which env files only the variables are.
    """
    for path, written in _named(source):
        if not _is_there(path, written, bundle):
            yield path


def included_lines(
    sources: Sequence[YamlText], bundle: Bundle, text_of: Callable[[str], str | None]
) -> tuple[str, ...]:
    """The same of several files and of those that they include or extend.

    Args:
        sources: the compose files.
        bundle: see `included`.
        text_of: path in the bundle's folder → text of what is carried there; None for nothing.

    Returns:
        each as `file:line: path`.
    """
    found = [(source, path) for source in sources for path in included(source, bundle)]
    for name in _fragments(sources, bundle, text_of):
        fragment = YamlText(name, text_of(name) or "")
        found += [
            (fragment, path)
            for path, written in _named(fragment)
            if not _is_carried(_from(dirname(name), written), bundle)
        ]
    return tuple(f"{one.name}:{one.line(*path)}: {'/'.join(path)}" for one, path in found)


def _fragments(
    sources: Sequence[YamlText], bundle: Bundle, text_of: Callable[[str], str | None]
) -> tuple[str, ...]:
    """The carried files that compose files include or extend, and those that these do."""
    base = dirname(bundle.compose.files[0])
    found: dict[str, None] = {}
    waiting = [(source, base) for source in sources]
    while waiting:
        source, folder = waiting.pop()
        for path, written in _named(source):
            name = _from(folder, written)
            is_one = path[0] == "include" or path[-2:] == ("extends", "file")
            if not is_one or "env_file" in path or name in found or name in bundle.files():
                continue
            if (text := text_of(name)) is not None:
                found[name] = None
                waiting.append((YamlText(name, text), dirname(name)))
    return tuple(found)


def carried_secrets(sources: Sequence[YamlText], bundle: Bundle) -> Iterator[tuple[YamlText, Path]]:
    """The secrets whose files the bundle would have a release carry, and each compose file."""
    for source in sources:
        for name in source.keys("secrets"):
            path = ("secrets", name, "file")
            if _is_carried(from_bundle(source.text_at(*path), bundle), bundle):
                yield source, path


def from_bundle(written: str, bundle: Bundle) -> str:
    """A path of a compose file, relative to the bundle's folder.

    Compose takes it from the folder of the first compose file.
    """
    return _from(dirname(bundle.compose.files[0]), written)


def _from(folder: str, written: str) -> str:
    """A path of a file, taken from a folder; empty where that cannot be told."""
    unclear = not written or "$" in written or written.startswith(("/", "~"))
    return "" if unclear else normpath(join(folder, written))


def _is_there(path: Path, written: str, bundle: Bundle) -> bool:
    name = from_bundle(written, bundle)
    if path[0] == "services" and "env_file" in path and name in bundle.compose.values:
        return True
    return _is_carried(name, bundle)


def _is_carried(name: str, bundle: Bundle) -> bool:
    if not name:
        return False
    return name in bundle.files() or beside.kind_of(bundle.compose, name) == "carried"


def _named(source: YamlText) -> Iterator[tuple[Path, str]]:
    """Each place that names a file, and what is written there; empty for no plain text."""
    places: list[Path] = [("include",)]
    for name in source.keys("services"):
        places += [("services", name, *inner) for inner in _OF_SERVICES]
    for place in places:
        if source.find(place)[0] == len(place):
            yield from _texts(source, place)


def _texts(source: YamlText, place: Path) -> Iterator[tuple[Path, str]]:
    """The texts at a place: its own, or those of its items and of the keys that name files."""
    inner = [(*place, key) for key in source.keys(*place) if key.isdigit() or key in _FILE_KEYS]
    if not inner:
        yield place, source.text_at(*place)
    for path in inner:
        yield from _texts(source, path)


def relative(sources: Sequence[YamlText], folder: str) -> frozenset[str]:
    """What the relative paths among the values of compose files are, from a folder.

    Args:
        sources: the files.
        folder: absolute; what Compose reads them in.
    """
    return frozenset(
        normpath(f"{folder}/{path}")
        for source in sources
        for scalar in source.scalars()
        if (path := scalar.value.partition(":")[0]) and not path.startswith(("/", "~"))
    )
