"""Docstrings, comments and messages of the code are in plain words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docs import code_prose, house_words
from tests.paths import ROOT

pytestmark = pytest.mark.unmeasured


def found_in(code: str) -> Iterator[str]:
    for line, text in code_prose.passages(code):
        for found in house_words.found_in(text):
            yield f"{line}: {found}"


def test_no_house_word() -> None:
    modules = sorted((ROOT / "morphops").rglob("*.py"))
    found = [
        f"{path.relative_to(ROOT)}:{what}"
        for path in modules
        for what in found_in(path.read_text())
    ]
    assert modules
    assert found == []


@pytest.mark.parametrize(
    ("code", "line", "word"),
    [
        ('"""Starts it anew."""', 1, "anew"),
        ("x = 1\n# mends it\n", 2, "mends"),
        ("# the way\n# back\n", 1, "way back"),
        ('raise E("nobody is there")', 1, "nobody"),
        ('raise E(f"{name} shall end")', 1, "shall"),
        ('x = "cut_off"', 0, ""),  # a key that others may rely on
        ('x = "anew"', 0, ""),
        ('"""See `the way back`."""', 0, ""),
        ("anew = 1", 0, ""),
        ('"""Plain words."""', 0, ""),
    ],
)
def test_a_house_word_is_found(code: str, line: int, word: str) -> None:
    said = list(found_in(code))
    assert (len(said), word in "".join(said)) == (1 if word else 0, True)
    assert not word or said[0].startswith(f"{line}: ")
