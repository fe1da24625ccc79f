"""What compose files name that a release does not carry: other files, and relative paths. Pure.

`release.create`, `deploy` and `bundle.check` all judge by this, so that they answer alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def included_lines(sources: Sequence[YamlText], bundle: Bundle) -> tuple[str, ...]:
    """The same of several files, each as `file:line: path`."""
    return tuple(
        f"{source.name}:{source.line(*path)}: {'/'.join(path)}"
        for source in sources
        for path in included(source, bundle)
    )


def carried_secrets(sources: Sequence[YamlText], bundle: Bundle) -> Iterator[tuple[YamlText, Path]]:
    """The secrets whose files the bundle would have a release carry, and each compose file."""
    for source in sources:
        for name in source.keys("secrets"):
            path = ("secrets", name, "file")
            named = from_bundle(source.text_at(*path), bundle)
            if source.text_at(*path) and beside.kind_of(bundle.compose, named) == "carried":
                yield source, path


def from_bundle(written: str, bundle: Bundle) -> str:
    """A path of a compose file, relative to the bundle's folder.

    Compose takes it from the folder of the first compose file.
    """
    return normpath(join(dirname(bundle.compose.files[0]), written))


def _is_there(path: Path, written: str, bundle: Bundle) -> bool:
    if not written or "$" in written or written.startswith(("/", "~")):
        return False
    name = from_bundle(written, bundle)
    if path[0] == "services" and "env_file" in path and name in bundle.compose.values:
        return True
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
