"""What compose files name that a release does not carry: other files, and relative paths. Pure.

`release.create`, `deploy` and `bundle.check` all judge by this, so that they answer alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from posixpath import normpath

from morphops.core.rule import Path
from morphops.core.yaml_text import YamlText

# Compose reads these while it renders; without one of these words a text names none.
_WORDS = ("include", "extends", "env_file", "label_file")
_OF_SERVICES: tuple[Path, ...] = (("env_file",), ("label_file",), ("extends", "file"))


def may_include(text: str) -> bool:
    """Whether a text may name a file that Compose reads; a quick look, before it is parsed."""
    return any(word in text for word in _WORDS)


def included(source: YamlText) -> Iterator[Path]:
    """The places of a compose file that name another file, which Compose reads as it renders.

    A release does not carry it. So Compose would read what lies there at each deploy, or read
    nothing, and a rollback would bring what lies there now.
    """
    paths: list[Path] = [("include",)]
    for name in source.keys("services"):
        paths += [("services", name, *inner) for inner in _OF_SERVICES]
    yield from (path for path in paths if source.find(path)[0] == len(path))


def included_lines(sources: Sequence[YamlText]) -> tuple[str, ...]:
    """The same of several files, each as `file:line: path`."""
    return tuple(
        f"{source.name}:{source.line(*path)}: {'/'.join(path)}"
        for source in sources
        for path in included(source)
    )


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
