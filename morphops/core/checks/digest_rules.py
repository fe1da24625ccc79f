"""Digests in files of every kind: each is whole, and recipes of base images name them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from morphops.core.base_images.recipe import Recipes
from morphops.core.finding import Finding
from morphops.core.release.digest import is_digest
from morphops.core.release.reference import is_pinned
from morphops.core.rule import Breach, Path, Rule, at, findings
from morphops.core.yaml_text import YamlText


def check(name: str, text: str) -> Iterator[Finding]:
    """Yields the malformed digests of any file: `sha256:` without 64 hex digits after it.

    Args:
        name: how messages name the file.
        text: its contents.
    """
    return findings((_MALFORMED,), text, lambda line: (name, line))


def replaced(text: YamlText, recipes: Recipes) -> Iterator[Finding]:
    """Yields the references that recipes of base images replace without a digest.

    Args:
        text: the recipes' own text, for the lines.
        recipes: as they were read.
    """
    return findings((_UNPINNED,), recipes, text.locate)


def _malformed(text: str) -> Iterator[Breach[int]]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in re.finditer(r"sha256:([0-9A-Za-z]+)", line):
            if not is_digest(found[0]):
                yield Breach(number, {"begin": found[1][:12], "length": len(found[1])})


def _unpinned(recipes: Recipes) -> Iterator[Breach[Path]]:
    for image, recipe in recipes.images.items():
        for number, reference in enumerate(recipe.replaces):
            if not is_pinned(reference):
                path = ("images", image, "replaces", str(number))
                yield at(*path, image=image, reference=reference)


_MALFORMED: Rule[str, int] = Rule(
    "",
    _malformed,
    "sha256:{begin}… is not a digest ({length} characters)",
    "write 64 digits of 0-9 and a-f",
)
_UNPINNED: Rule[Recipes, Path] = Rule(
    "",
    _unpinned,
    "image {image}: {reference} may be another image tomorrow",
    "write name:tag@sha256:<64 hex digits>",
)
