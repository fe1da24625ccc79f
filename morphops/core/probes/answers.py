"""The probe `answers`: known questions are answered right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from morphops.core.jmespath import search
from morphops.core.probes.kind import Asks, Patience, ProbeKind, header_findings, path_findings
from morphops.core.probes.question import Asked, Question
from morphops.core.probes.sample import Drawn, Sample
from morphops.core.probes.values import brief
from morphops.core.schema import not_negative
from morphops.core.verify.reading import Reading

SHOWN = 5  # so many missed answers are named one by one

NOTHING_DRAWN = Drawn()

NOT_ASKED = "was not asked"  # instead of an answer, after one that shows that none will come


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers(ProbeKind):
    """Known questions are answered right through a published port.

    Attributes:
        service, port: the published container port that is asked over HTTP.
        judges: services whose answers come through `service`, beside those that it depends on.
        path: the URL's path.
        headers: what is sent beside the usual ones, such as `Host`.
        document: the document that holds the known rows, or names the file of them.
        rows: JMESPath → a list of rows that are asked each time; empty for none.
        sample: rows that are drawn afresh for each operation.
        questions: asked of each row where they apply.
        at_least: with fewer questions than this the probe does not count as passed.
        timeout: seconds for one question.
        deadline, interval: seconds.
    """

    kind: Literal["answers"]
    service: str
    port: int
    document: str
    questions: tuple[Question, ...]
    rows: str = ""
    sample: Sample | None = None
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    judges: tuple[str, ...] = ()
    at_least: int = 20
    timeout: float = 10.0
    deadline: float = 60.0
    interval: float = 1.0

    @property
    def asks(self) -> Asks:
        """See `ProbeKind.asks`."""
        file = {"sample/file": self.sample.file} if self.sample else {}
        expressions = (
            {"rows": self.rows}
            | file
            | {
                f"questions/{number}/{key}": text
                for number, question in enumerate(self.questions)
                for key, text in question.expressions.items()
            }
        )
        return Asks(
            (self.service,),
            (self.document,),
            judges=self.judges,
            port=self.port,
            expressions=expressions,
        )

    @property
    def patience(self) -> Patience:
        """See `ProbeKind.patience`."""
        return Patience(self.deadline, self.interval)

    def own_findings(self) -> list[str]:
        """See `ProbeKind.own_findings`."""
        return [
            *not_negative(timeout=self.timeout),
            *header_findings(self.headers),
            *path_findings(self.path),
            *([] if self.rows or self.sample else ["rows: name rows, or a sample"]),
            *(f"sample/{what}" for what in (self.sample.findings() if self.sample else [])),
        ]

    def fill_in(self, document: Any, drawn: Drawn = NOTHING_DRAWN) -> tuple[Asked, ...]:
        """All known questions of a document, and of the rows that were drawn."""
        rows = (search(self.rows, document) or ()) if self.rows else ()
        known = [
            (question, row)
            for row in (*rows, *drawn.rows)
            for question in self.questions
            if question.applies(row)
        ]
        absent = [(question, row) for row in drawn.absent for question in self.questions]
        return tuple(
            question.ask(row, number)
            for number, (question, row) in enumerate([*known, *absent], start=1)
        )

    def judge(
        self, asked: Sequence[Asked], answers: Sequence[Any], drawn: Drawn = NOTHING_DRAWN
    ) -> Reading:
        """Compare answers with what is right.

        Args:
            asked: the questions.
            answers: for each of them the JSON-RPC response, or a text that says why there is none
                (`NOT_ASKED`).
            drawn: the rows that were drawn, to be told.
        """
        how = f" ({drawn})" if drawn.seed else ""
        wrong: list[str] = []
        missing: list[str] = []
        for question, answer in zip(asked, answers, strict=True):
            if fault := wrong_answer(question, answer):
                wrong.append(fault)
            elif fault := missing_answer(question, answer):
                missing.append(fault)
        if failed := wrong + missing:
            more = len(failed) - SHOWN
            details = (*failed[:SHOWN], *((f"and {more} more",) if more > 0 else ()))
            reason = f"{len(failed)} of {len(asked)} known answers were missed{how}"
            # An error may pass; a wrong answer is wrong.
            return Reading(False, reason, details, final=bool(wrong))
        if len(asked) < self.at_least:
            few = f"only {len(asked)} answers are known, {self.at_least} are needed"
            return Reading(False, few, final=True)
        return Reading(True, f"{len(asked)} of {len(asked)} known answers are right{how}")


def wrong_answer(question: Asked, answer: Any) -> str:
    """Why an answer will not get right by waiting; empty where it is right or missing."""
    about = f"{question.name} of {question.subject}"
    if question.expected is None:
        return f"{about}: the document does not say what is right"
    if not isinstance(answer, Mapping) or "result" not in answer:
        return ""
    if answer["result"] == question.expected:
        return ""
    return f"{about}: expected {brief(question.expected)}, got {brief(answer['result'])}"


def missing_answer(question: Asked, answer: Any) -> str:
    """Why there is no answer; empty where there is one."""
    if isinstance(answer, Mapping) and "result" in answer:
        return ""
    about = f"{question.name} of {question.subject}"
    if answer == NOT_ASKED:
        return f"{about} was not asked any more"
    got = answer if isinstance(answer, str) else brief(answer)
    if isinstance(answer, Mapping) and isinstance(answer.get("error"), Mapping):
        error = answer["error"]
        got = f"error {error.get('code')}: {error.get('message')}"
    return f"{about}: expected {brief(question.expected)}, got {got}"
