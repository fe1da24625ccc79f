"""An override is YAML, and a list of it may take the place of another."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from morphops.core.compose_override import TAG, Whole, literal, text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_without_a_whole_list_it_is_json(document: dict[str, Any]) -> None:
    assert json.loads(text(document)) == document


def test_a_whole_list_has_the_tag() -> None:
    said = text({"b": Whole(["x", Whole([])]), "a": [1]})
    assert said == f'{{"a": [1], "b": {TAG} ["x", {TAG} []]}}\n'.encode()


def test_a_dollar_is_a_dollar() -> None:
    assert literal("/srv/$HOME/a") == "/srv/$$HOME/a"
