"""Known questions, and which answers are right."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.core.probes.answers import Answers
from morphops.core.probes.question import Asked, Question
from morphops.core.verify.reading import Reading

ASKED = tuple(Asked("balance", f"0x{n}", {}, f"0x{n}0") for n in range(1, 8))


RIGHT = [{"result": asked.expected} for asked in ASKED]


ERROR = {"error": {"code": -32000, "message": "the pair is unavailable"}}


def known(at_least: int) -> Answers:
    return Answers(
        kind="answers",
        service="s",
        port=1,
        document="d",
        rows="@",
        questions=(),
        at_least=at_least,
    )


def missed(number: int, got: str) -> str:
    return f"balance of 0x{number}: expected 0x{number}0, got {got}"


REFUSED = missed(1, "error -32000: the pair is unavailable")


@pytest.mark.parametrize(
    ("answers", "final", "details"),
    [
        ([{"result": "0x0"}, *RIGHT[1:]], True, (missed(1, "0x0"),)),
        ([{"result": None}, *RIGHT[1:]], True, (missed(1, "null"),)),
        ([{"result": {"a": 1}}, *RIGHT[1:]], True, (missed(1, '{"a": 1}'),)),
        ([ERROR, *RIGHT[1:]], False, (REFUSED,)),
        (["no answer within 1 s", *RIGHT[1:]], False, (missed(1, "no answer within 1 s"),)),
        ([{"error": "busy"}, *RIGHT[1:]], False, (missed(1, '{"error": "busy"}'),)),
        ([[], *RIGHT[1:]], False, (missed(1, "[]"),)),
        ([None, *RIGHT[1:]], False, (missed(1, "null"),)),
        # What is wrong comes first, for it decides.
        ([ERROR, {"result": "0x0"}, *RIGHT[2:]], True, (missed(2, "0x0"), REFUSED)),
        ([ERROR] * 5 + RIGHT[5:], False, 5),
        ([{"result": None}] * 6 + RIGHT[6:], True, "and 1 more"),
        ([{"result": None}] * 7, True, "and 2 more"),
        ([{"result": "0x" + "f" * 100}, *RIGHT[1:]], True, (missed(1, "0x" + "f" * 61 + "…"),)),
    ],
)
def test_answers_that_are_missed(answers: list[Any], final: bool, details: Any) -> None:
    reading = known(5).judge(ASKED, answers)
    assert (reading.ready, reading.final) == (False, final)
    count = sum(answer != right for answer, right in zip(answers, RIGHT, strict=True))
    assert reading.reason == f"{count} of 7 known answers were missed"
    if isinstance(details, tuple):
        assert reading.details == details
    elif isinstance(details, str):
        assert len(reading.details) == 6
        assert reading.details[-1] == details
    else:
        assert len(reading.details) == details


@pytest.mark.parametrize(
    ("at_least", "ready", "says"),
    [
        (0, True, "7 of 7 known answers are right"),
        (7, True, "7 of 7 known answers are right"),
        (8, False, "only 7 answers are known, 8 are needed"),
    ],
)
def test_too_few_known_answers_prove_nothing(at_least: int, ready: bool, says: str) -> None:
    assert known(at_least).judge(ASKED, RIGHT) == Reading(ready, says, final=not ready)


@pytest.mark.parametrize("answer", [{"result": None}, {"result": "0x0"}, ERROR])
def test_an_answer_that_the_document_does_not_know_proves_nothing(answer: Any) -> None:
    reading = known(1).judge([Asked("balance", "0x1", {}, None)], [answer])
    assert reading.details == ("balance of 0x1: the document does not say what is right",)
    assert reading.final


def test_questions_come_from_the_rows() -> None:
    question = Question(name="code", method="m", params=("{who}", "latest"), expect="c", when="c")
    probe = Answers(
        kind="answers", service="s", port=1, document="d", rows="rows", questions=(question,)
    )
    rows = {"rows": [{"who": "0x1", "c": "0xff"}, {"who": "0x2", "c": ""}]}
    (asked,) = probe.fill_in(rows)
    assert (asked.subject, asked.expected) == ("0x1", "0xff")
    assert asked.request == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "m",
        "params": ["0x1", "latest"],
    }
    assert probe.fill_in({}) == ()
    assert probe.fill_in({"rows": []}) == ()


def test_each_row_is_asked_every_question_that_applies() -> None:
    ask = [
        Question(name="a", method="a", params=(), expect="n"),
        Question(name="b", method="b", params=("{n}", 5, {"k": "{n}"}, "{n"), expect="n"),
    ]
    probe = Answers(
        kind="answers", service="s", port=1, document="d", rows="@", questions=tuple(ask)
    )
    asked = probe.fill_in([{"n": 1}, {"n": 2}])
    assert [(q.name, q.subject, q.expected, q.request["id"]) for q in asked] == [
        ("a", "", 1, 1),
        ("b", "1", 1, 2),
        ("a", "", 2, 3),
        ("b", "2", 2, 4),
    ]
    assert asked[3].request["params"] == [2, 5, {"k": "{n}"}, "{n"]
