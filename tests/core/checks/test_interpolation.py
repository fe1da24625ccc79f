"""Variables that Compose replaces in a text."""

from __future__ import annotations

import pytest

from morphops.core.checks import (
    interpolation,
)
from morphops.core.yaml_text import YamlText


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", []),
        ("$A", [("A", "", "")]),
        ("${A}${B}", [("A", "", ""), ("B", "", "")]),
        ("$$A $${A}", []),
        ("${A:-x}", [("A", ":-", "x")]),
        ("${A-x}", [("A", "-", "x")]),
        ("${A:?why not}", [("A", ":?", "why not")]),
        ("${A?}", [("A", "?", "")]),
        ("${A:+x}", [("A", ":+", "x")]),
        ("${A:-${B:-c}}d", [("A", ":-", "${B:-c}"), ("B", ":-", "c")]),
        ("${A:-{}}", [("A", ":-", "{")]),
        ("${1}", []),
        ("100% $", []),
        ("${A", [("A", "", "")]),
    ],
)
def test_variables_of_a_text(text: str, found: list[tuple[str, str, str]]) -> None:
    assert list(interpolation.variables(text)) == found


def test_the_line_of_a_variable_in_a_long_value() -> None:
    document = YamlText("c.yaml", "a:\n  b: >-\n    one\n    ${TWO:?x}\n    three $FOUR\n")
    assert [(u.name, u.line) for u in interpolation.uses(document)] == [("TWO", 4), ("FOUR", 5)]
