"""What is drawn: by a seed, afresh for each operation, and rows that do not exist."""

from __future__ import annotations

import re
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.core.probes.answers import Answers
from morphops.core.probes.question import Question
from morphops.core.probes.sample import Absent, Drawn, Sample, is_seed, made_up, positions
from tests.paths import ROOT

ABSENT = Absent(count=3, row={"who": "0x{hex20}", "balance": "0x0"})


@given(st.integers(0, 5_000), st.integers(1, 60), st.integers(0, 999), st.integers(0, 2**64))
def test_a_draw_is_of_rows_that_are_there_and_each_once(
    count: int, draw: int, operation: int, hex_: int
) -> None:
    seed = f"{operation}-{hex_:016x}"
    places, fresh = positions(seed, count, draw)
    assert list(places) == sorted(set(places))
    assert all(0 <= place < count for place in places)
    assert positions(seed, count, draw) == (places, fresh)
    if count <= draw:
        assert len(places) == count
    elif operation:
        assert len(places) == draw


def test_a_part_was_never_asked_before_until_all_rows_were() -> None:
    count, draw = 1_000, 40
    asked: set[int] = set(positions("0-abcd", count, draw)[0])  # a look that is no operation
    for operation in range(1, 26):
        places, fresh = positions(f"{operation}-{operation:04x}", count, draw)
        assert fresh == draw // 2
        assert len(set(places) - asked) >= fresh
        asked |= set(places)
    assert positions("26-0000", count, draw)[1] == 0


def test_each_row_is_asked_as_often_as_any_other() -> None:
    asked = [0] * 100
    for number in range(2_000):
        for place in positions(f"{number + 1}-{number:08x}", 100, 10)[0]:
            asked[place] += 1
    assert sum(asked) == 20_000
    assert 100 < min(asked) <= max(asked) < 320


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("1-abcd", True),
        ("0-0123456789abcdef", True),
        ("x", False),
        ("1-", False),
        ("1-ABCD", False),
    ],
)
def test_seeds(text: str, fine: bool) -> None:
    assert is_seed(text) == fine


def test_rows_that_are_made_up() -> None:
    rows = made_up("7-abcd", ABSENT)
    assert len({row["who"] for row in rows}) == 3
    assert all(re.fullmatch("0x[0-9a-f]{40}", row["who"]) for row in rows)
    assert {row["balance"] for row in rows} == {"0x0"}
    assert made_up("7-abcd", ABSENT) == rows != made_up("8-abcd", ABSENT)


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (Sample(file="f", draw=0), "draw: write 1"),
        (Sample(file="f", absent=Absent(count=0, row=ABSENT.row)), "absent/count"),
        (Sample(file="f", absent=Absent(count=1, row={})), "absent/row"),
        (Sample(file="f", absent=Absent(count=1, row={"a": "{hex4}"})), "absent/row"),
        (Sample(file="f", absent=ABSENT), ""),
    ],
)
def test_samples_that_prove_nothing(sample: Sample, says: str) -> None:
    found = sample.findings()
    assert says in "".join(found)
    assert bool(found) == bool(says)


def answers(**keys: Any) -> Answers:
    ask = Question(name="b", method="m", params=("{who}",), expect="balance", when="balance!='0x0'")
    given = {"service": "s", "port": 1, "document": "d", "at_least": 1, "questions": (ask,), **keys}
    return Answers(kind="answers", **given)


def test_questions_of_what_was_drawn_and_of_what_does_not_exist() -> None:
    drawn = Drawn("1-abcd", 9, ({"who": "a", "balance": "0x1"}, {"who": "b", "balance": "0x0"}), 1)
    drawn = Drawn(drawn.seed, 9, drawn.rows, 1, made_up("1-abcd", Absent(count=1, row=ABSENT.row)))
    probe = answers(rows="known")
    asked = probe.fill_in({"known": [{"who": "c", "balance": "0x2"}]}, drawn)
    assert [(one.subject[:2], one.expected) for one in asked] == [
        ("c", "0x2"), ("a", "0x1"), ("0x", "0x0"),
    ]  # fmt: skip
    told = probe.judge(asked, [{"result": one.expected} for one in asked], drawn).reason
    assert told == (
        "3 of 3 known answers are right (2 of 9 rows, 1 of them never asked before, "
        "1 that do not exist, drawn by --seed=1-abcd)"
    )


def test_a_probe_asks_about_something() -> None:
    assert answers().own_findings() == ["rows: name rows, or a sample"]
    assert answers(sample=Sample(file="f", draw=0)).own_findings() == [
        "sample/draw: write 1 or more"
    ]


def test_the_page_says_what_a_sample_proves() -> None:
    """Each figure of the table is the hypergeometric probability."""
    page = (ROOT / "docs/explanation/samples.md").read_text()
    table = re.findall(
        r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) % \|$", page, re.MULTILINE
    )
    assert len(table) > 8
    for row in table:
        m, k, n = (int(text.replace(",", "")) for text in row[:3])
        missed = comb(m - k, n) / comb(m, n)
        assert f"{100 * missed:.3g}" == f"{float(row[3]):.3g}", row
