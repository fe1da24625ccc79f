"""Escape sequences in texts of others are shown and do not act."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.core.visible import in_json, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\tand\nlines é ✓ →", "plain\tand\nlines é ✓ →"),
        ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
        ("\x1b]0;healthy\x07", r"\x1b]0;healthy\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb\x08c\x7f", r"a\x0db\x08c\x7f"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
    ],
)
def test_what_steers_a_terminal_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_steers_is_left(text: str) -> None:
    shown = visible(text)
    assert not {c for c in shown if ord(c) < 32 and c not in "\n\t"}
    assert not {c for c in shown if 0x7F <= ord(c) < 0xA0}
    assert visible(shown) == shown


@given(st.text())
def test_json_says_the_same(text: str) -> None:
    said = in_json(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(said) == {"a": text}
    assert "\x9b" not in said
