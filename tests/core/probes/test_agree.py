"""One round of answers, compared with each other and with a document."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.samples.probes import AGREE


@pytest.mark.parametrize(
    ("b", "says"),
    [
        ({"epoch": 1, "rows": 8}, ""),
        ({"epoch": 1, "rows": 8, "more": True}, ""),
        ({"epoch": 2, "rows": 8}, "epoch: a says 1; b says 2"),
        ({"epoch": 1, "rows": 9}, "rows: a says 8; b says 9"),
        ({"rows": 9}, "epoch: a says 1; b says null; rows: a says 8; b says 9"),
        ("down", "epoch: a says 1; b says null; rows: a says 8; b says null"),
        ({"epoch": "1", "rows": 8}, 'epoch: a says 1; b says "1"'),
    ],
)
def test_agree(b: Any, says: str) -> None:
    reading, fields = AGREE.judge({"a": {"epoch": 1, "rows": 8}, "b": b}, {"rows": 8})
    assert (reading.ready, reading.reason if says else "") == (not says, says)
    assert reading.details == tuple(part for part in _problems(says))
    assert not reading.final  # the next round may agree
    assert fields == {"epoch": 1, "rows": 8}
    if not says:
        assert reading.reason == "a and b agree: epoch 1"
        assert reading.facts == {"epoch": 1}


def _problems(says: str) -> list[str]:
    return [part for part in re.split(r"; (?=\w+: )", says) if part]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"rows": 8}, ""),
        ({"rows": 9}, "rows: served 8, the document says 9"),
        ({"rows": "8"}, 'rows: served 8, the document says "8"'),
        ({}, "rows: served 8, the document says null"),
        (None, ""),
    ],
)
def test_agreeing_on_what_the_document_says(document: Any, says: str) -> None:
    answer = {"epoch": 1, "rows": 8}
    reading, _ = AGREE.judge({"a": answer, "b": answer}, document)
    assert reading.reason == (says or "a and b agree: epoch 1")
    assert reading.ready == (not says)


def test_what_nobody_says_is_not_agreed_on() -> None:
    reading, _ = AGREE.judge({"a": {"rows": 8}, "b": {"rows": 8}}, {"rows": 8})
    assert (reading.ready, reading.reason) == (False, "epoch: a, b does not say")


def test_one_alone_is_compared_with_the_document() -> None:
    reading, _ = AGREE.judge({"a": {"epoch": 1, "rows": 8}}, {"rows": 8})
    assert (reading.ready, reading.facts) == (True, {"epoch": 1})
