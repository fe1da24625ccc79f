"""No sentence of a docstring is too long; the rule is that of the documents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docs import docstrings, prose
from tests.paths import ROOT

pytestmark = pytest.mark.unmeasured

MODULES = sorted((ROOT / "morphops").rglob("*.py"))
TWENTY_FIVE = " ".join(["word"] * prose.MOST_WORDS)


def too_long(code: str) -> Iterator[str]:
    for line, markdown in docstrings.docstrings(code):
        for sentence in prose.long_sentences(markdown):
            yield f"docstring at line {line}: {sentence}"


def test_no_sentence_is_too_long() -> None:
    assert MODULES
    found = [
        f"{module.relative_to(ROOT)}: {what}"
        for module in MODULES
        for what in too_long(module.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("docstring", "count"),
    [
        (f"{TWENTY_FIVE}.", 0),
        (f"{TWENTY_FIVE} more.", 1),
        (f"One.\n\nArgs:\n    name: {TWENTY_FIVE}", 1),  # the name counts
        (f"One.\n\nArgs:\n    a: {TWENTY_FIVE[5:]}\n    b: {TWENTY_FIVE[5:]}", 0),
        (f"One.\n\nArgs:\n    a: {TWENTY_FIVE[5:]}\n        more", 1),
        (f"One.\n\nReturns:\n    {TWENTY_FIVE} more.\n", 1),
        (f"One.\n\nTwo:\n\n    {TWENTY_FIVE} more\n", 0),  # an example
        (f"One.\n\n- {TWENTY_FIVE}\n- {TWENTY_FIVE}\n", 0),
    ],
)
def test_what_is_too_long(docstring: str, count: int) -> None:
    assert len(list(too_long(f"'''{docstring}'''\n"))) == count
