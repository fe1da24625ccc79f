"""A docstring that sends its reader to a seam names something that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from morphops import interfaces
from tests.paths import ROOT

IMPLEMENTERS = [
    str(path.relative_to(ROOT))
    for folder in ("adapters", "testing")
    for path in sorted((ROOT / "morphops" / folder).rglob("*.py"))
]


def lost(code: str) -> Iterator[str]:
    """What code sends its reader to, and interfaces do not have."""
    for name in re.findall(r"(?:See|Implements) `([\w.]*[A-Z][\w.]*)`", code):
        first, _, member = name.partition(".")
        seam = getattr(interfaces, first, None)
        if seam is None or (member and not hasattr(seam, member)):
            yield name


@pytest.mark.parametrize("module", IMPLEMENTERS)
def test_what_a_docstring_names_is_a_seam(module: str) -> None:
    assert list(lost((ROOT / module).read_text())) == []


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        ("See `Lock.hold`.", []),
        ("Implements `Workloads` and so on.", []),
        ("See `Lock.wrest`.", ["Lock.wrest"]),
        ("See `lock.Lock.hold`.", ["lock.Lock.hold"]),
        ("Implements `Target`.", ["Target"]),
        ("See `hang_up`.", []),  # of the class itself
    ],
)
def test_a_lost_name_is_found(docstring: str, found: list[str]) -> None:
    assert list(lost(docstring)) == found
