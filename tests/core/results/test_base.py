"""One encoder for every result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from morphops.core.lock import Holder
from morphops.core.results.base import Document, Result, encode
from morphops.core.results.lock import of_holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    from_: str
    many: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Result):
    inner: Inner | None
    named: dict[str, Inner]


def test_a_result() -> None:
    inner = Inner(from_="a", many=(1, 2))
    shown = Outer(state="ok", exit=3, inner=inner, named={"x": inner}).as_json()
    row = {"from": "a", "many": [1, 2]}
    assert shown == {
        "schema": 1,
        "state": "ok",
        "exit": 3,
        "inner": row,
        "named": {"x": row},
    }
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        ("x", "x"),
        ((1, ("a",)), [1, ["a"]]),
        ({"a": (1,)}, {"a": [1]}),
        (Inner(from_=""), {"from": "", "many": []}),
        (Document(), {}),
    ],
)
def test_values(value: object, form: object) -> None:
    assert encode(value) == form


@pytest.mark.parametrize("value", [Path("x"), {1}, b"x", Inner, object()])
def test_what_has_no_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no JSON form"):
        encode({"deep": [value]})


def test_a_lock_is_shown_without_its_token() -> None:
    """It lets one in."""
    holder = Holder(
        token="s3cret-token", what="up", reason="r", user="u", host="h", pid=1, since="t"
    )
    assert "s3cret-token" not in json.dumps(encode(of_holder(holder)))
