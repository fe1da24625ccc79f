"""The help of `inv drift` and the pages about it name every kind of difference."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from morphops.core.results.drift import Drift
from morphops.core.verify.drift import Difference, Kind
from morphops.tasks.drift import drift
from tests.paths import ROOT

KINDS = list(get_args(Kind))
PAGE = (ROOT / "docs" / "explanation" / "verification.md").read_text()
JSON = (ROOT / "docs" / "reference" / "json.md").read_text()


def of_the_help() -> list[str]:
    (kinds,) = re.findall(r"Kinds: ([^.]*)\.", drift.__doc__ or "")
    return re.split(r",\s+", kinds)


def of_the_table() -> list[str]:
    table = PAGE.partition("## Kinds of drift")[2].partition("\n## ")[0]
    return [kind for kind in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE) if kind]


@pytest.mark.parametrize(
    "named",
    [of_the_help(), of_the_table()],
    ids=["help", "explanation"],
)
def test_every_kind_is_named(named: list[str]) -> None:
    assert named == KINDS


def test_the_value_says_what_each_kind_is() -> None:
    assert [kind for kind in KINDS if f"`{kind}`" not in str(Difference.__doc__)] == []


def test_the_version_of_its_json_is_named() -> None:
    table = JSON.partition("### `drift`\n")[2].partition("\n### ")[0]
    assert f"| `schema` | number | {Drift.schema} |" in table


def test_no_kind_is_a_word_of_one_stack() -> None:
    assert "pair" not in KINDS
