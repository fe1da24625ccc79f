"""Rules as values: every breach becomes a finding with its own words."""

from __future__ import annotations

import pytest

from morphops.core.finding import Finding
from morphops.core.nearest import did_you_mean, nearest
from morphops.core.rule import Breach, Rule, at, findings

LONG: Rule[list[str], int] = Rule(
    "long",
    lambda lines: (Breach(n, {"length": len(s)}) for n, s in enumerate(lines, 1) if len(s) > 2),
    "has {length} characters",
    "write ${{NAME}}, 2 at most",
)


def test_a_finding_for_each_breach() -> None:
    found = findings((LONG,), ["a", "bcd", "efgh"], lambda line: ("x", line), ("s",))
    assert list(found) == [
        Finding("x", 2, "has 3 characters", "write ${NAME}, 2 at most", "long", ("s",)),
        Finding("x", 3, "has 4 characters", "write ${NAME}, 2 at most", "long", ("s",)),
    ]


def test_a_breach_may_have_its_own_subjects() -> None:
    rule: Rule[str, None] = Rule("r", lambda name: (Breach(None, {}, (name,)),), "is bad", "fix it")
    (found,) = findings((rule,), "mine", lambda _: ("x", 1), ("other",))
    assert found.subjects == ("mine",)


def test_words_may_be_called_as_the_path_is() -> None:
    assert at("a", "b", path="p", place="q") == Breach(("a", "b"), {"path": "p", "place": "q"})


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [("usre", ("logs", "user"), "user"), ("x", ("logs", "user"), ""), ("user", (), "")],
)
def test_the_nearest_name(name: str, known: tuple[str, ...], near: str) -> None:
    assert nearest(name, known) == near
    assert did_you_mean(name, known, "remove it") == (
        f"did you mean {near}?" if near else "remove it"
    )


def test_names_must_be_as_alike_as_asked() -> None:
    assert nearest("target", ["tags"]) == "tags"
    assert nearest("target", ["tags"], cutoff=0.9) == ""
