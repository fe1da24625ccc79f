"""Several documents say the same, or which do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from morphops.adapters import probes
from morphops.core.bundle.documents import Loaded
from morphops.core.probes.same import Same
from tests.samples.probes import at


@pytest.mark.parametrize(
    ("b", "details"),
    [
        ({"seeds": [1, 2], "era": 0}, ()),
        ({"era": 0, "seeds": [1, 2], "more": 1}, ()),
        ({"seeds": [1, 3], "era": 0}, ("seeds: a says [1, 2]; b says [1, 3]",)),
        ({"seeds": [2, 1], "era": 0}, ("seeds: a says [1, 2]; b says [2, 1]",)),
        ({"seeds": [1, 2], "era": "0"}, ('era: a says 0; b says "0"',)),
        ({"seeds": [1, 2], "era": False}, ("era: a says 0; b says false",)),
        ({"seeds": [1, 3]}, ("seeds: a says [1, 2]; b says [1, 3]", "era: b does not say")),
        ({}, ("seeds: b does not say", "era: b does not say")),
        (None, ("seeds: b does not say", "era: b does not say")),
    ],
)
def test_same(b: Any, details: tuple[str, ...]) -> None:
    probe = Same(kind="same", documents=("a", "b"), fields={"seeds": "seeds", "era": "era"})
    said = {"a": Loaded(Path("a"), {"seeds": [1, 2], "era": 0}), "b": Loaded(Path("b"), b)}
    reading = probes.read(probe, at(said))
    assert (reading.ready, reading.final) == (not details, bool(details))
    assert reading.details == details
    assert reading.reason == ("a and b are not the same" if details else "a and b say the same")


def test_what_neither_document_says_is_not_the_same() -> None:
    probe = Same(kind="same", documents=("a", "b"), fields={"seeds": "seeds"})
    reading = probe.judge({"a": {}, "b": {}})
    assert reading.details == ("seeds: a, b does not say",)
