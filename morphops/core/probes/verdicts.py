"""What a probe read, judged: ready, or not ready and the reason. Pure.

A reading that more patience cannot mend (a wrong answer, documents that differ) is *final*.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from morphops.core.bundle.documents import Loaded
from morphops.core.jmespath import search
from morphops.core.probes.specs import Agree, Answers, Question, Same, param_expression
from morphops.core.verify.reading import Reading

SHOWN = 5  # so many missed answers are told one by one


def same(probe: Same, documents: Mapping[str, Loaded]) -> Reading:
    """Compare documents with each other."""
    differing = []
    for label, expression in probe.fields.items():
        values = {name: search(expression, documents[name].data) for name in probe.documents}
        if any(value is None for value in values.values()):
            silent = ", ".join(name for name, value in values.items() if value is None)
            differing.append(f"{label}: {silent} does not say")
        elif len({json.dumps(value, sort_keys=True) for value in values.values()}) > 1:
            said = "; ".join(f"{name} says {brief(value)}" for name, value in values.items())
            differing.append(f"{label}: {said}")
    if differing:
        names = " and ".join(probe.documents)
        return Reading(False, f"{names} are not the same", tuple(differing), final=True)
    return Reading(True, f"{' and '.join(probe.documents)} say the same")


def compare(
    probe: Agree, answers: Mapping[str, Any], document: Any
) -> tuple[Reading, Mapping[str, Any]]:
    """One round of answers of an `agree` probe, judged.

    Args:
        probe: what must agree.
        answers: service → its JSON answer.
        document: what to compare with; None for nothing.

    Returns:
        the reading and the values of the fields, for the comparison with other rounds.
    """
    seen: dict[str, dict[str, Any]] = {
        service: {label: search(expr, answer) for label, expr in probe.fields.items()}
        for service, answer in answers.items()
    }
    first, *others = seen
    problems = []
    for label in probe.fields:
        values = {service: fields[label] for service, fields in seen.items()}
        if any(values[other] != values[first] for other in others):
            said = "; ".join(f"{service} says {brief(v)}" for service, v in values.items())
            problems.append(f"{label}: {said}")
        elif values[first] is None:  # to be silent together is no agreement
            problems.append(f"{label}: {', '.join(seen)} does not say")
        elif label in probe.matches and document is not None:
            expected = search(probe.matches[label], document)
            if values[first] != expected:
                problems.append(
                    f"{label}: served {brief(values[first])}, the document says {brief(expected)}"
                )
    if problems:
        return Reading(False, "; ".join(problems), tuple(problems)), seen[first]
    shown = {label: seen[first][label] for label in probe.show}
    said = ", ".join(f"{label} {brief(value)}" for label, value in shown.items())
    return Reading(True, f"{' and '.join(seen)} agree: {said}", facts=shown), seen[first]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question ready to be asked: its request body and the right result."""

    name: str
    subject: str
    request: Mapping[str, Any]
    expected: Any


# In the place of an answer, after one that shows that nobody will give any.
NOT_ASKED = "was not asked"


def questions(probe: Answers, document: Any) -> tuple[Asked, ...]:
    """All known questions of a document."""
    asked: list[Asked] = []
    for row in search(probe.rows, document) or ():
        for question in probe.questions:
            if not question.when or search(question.when, row):
                asked.append(ask(question, row, len(asked) + 1))
    return tuple(asked)


def ask(question: Question, row: Any, id_: int) -> Asked:
    """One question, filled in from a row."""
    params = [
        search(expression, row) if (expression := param_expression(param)) else param
        for param in question.params
    ]
    request = {"jsonrpc": "2.0", "id": id_, "method": question.method, "params": params}
    subject = str(params[0]) if params else ""
    return Asked(question.name, subject, request, search(question.expect, row))


def judge(asked: Sequence[Asked], answers: Sequence[Any], at_least: int) -> Reading:
    """Compare answers with what is right.

    Args:
        asked: the questions.
        answers: for each of them the JSON-RPC response, or a text that says why there is none
            (`NOT_ASKED`).
        at_least: fewer questions than this prove nothing.
    """
    wrong, missing = [], []
    for question, answer in zip(asked, answers, strict=True):
        about = f"{question.name} of {question.subject}"
        what = f"{about}: expected {brief(question.expected)}"
        if question.expected is None:
            wrong.append(f"{about}: the document does not say what is right")
        elif isinstance(answer, Mapping) and "result" in answer:
            if answer["result"] != question.expected:
                wrong.append(f"{what}, got {brief(answer['result'])}")
        elif isinstance(answer, Mapping) and isinstance(answer.get("error"), Mapping):
            error = answer["error"]
            missing.append(f"{what}, got error {error.get('code')}: {error.get('message')}")
        elif answer == NOT_ASKED:
            missing.append(f"{about} was not asked any more")
        else:
            missing.append(f"{what}, got {answer if isinstance(answer, str) else brief(answer)}")
    failed = wrong + missing
    if failed:
        more = len(failed) - SHOWN
        details = (*failed[:SHOWN], *((f"and {more} more",) if more > 0 else ()))
        reason = f"{len(failed)} of {len(asked)} known answers were missed"
        # An error may pass; a wrong answer is wrong.
        return Reading(False, reason, details, final=bool(wrong))
    if len(asked) < at_least:
        return Reading(
            False, f"only {len(asked)} answers are known, {at_least} are needed", final=True
        )
    return Reading(True, f"{len(asked)} of {len(asked)} known answers are right")


def brief(value: Any) -> str:
    """A value as it stands in a reason: JSON, of a text without its quotes, and not too long."""
    text = json.dumps(value, sort_keys=True)
    if isinstance(value, str) and not _reads_as_json(value):
        text = value  # without its quotes, for nothing else is written so
    return text if len(text) <= 66 else f"{text[:63]}…"


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
