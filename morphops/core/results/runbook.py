"""What the tasks of the group `runbook` come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result
from morphops.core.results.check import Check
from morphops.core.runbook.model import Input, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookCheck(Check):
    """What is wrong with runbooks.

    Attributes:
        state: `ok` or `findings`.
        exit: 0, or 2 with findings.
        findings: what is wrong, in the order of files and lines.
        next: what to type next; empty without findings.
        runbooks: name of each that can be read → number of its steps.
    """

    state: Literal["ok", "findings"]
    runbooks: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookText(Result):
    """A runbook.

    Attributes:
        state: `ok`.
        exit: 0.
        name: its file's name without `.md`.
        digest: of its bytes.
        title: its first heading.
        inputs: what the operator must say, by name.
        sections: anchor → title of each section that has steps.
        steps: in order.
        text: the Markdown.
    """

    state: Literal["ok"] = "ok"
    name: str
    digest: str
    title: str
    inputs: Mapping[str, Input]
    sections: Mapping[str, str]
    steps: tuple[Step, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookRun(Result):
    """A run that passed.

    Attributes:
        state: `passed`.
        exit: 0.
        runbook: its name.
        section: anchor of the section.
        steps: names of its steps.
        report: path of the report.
        transcript: path of the transcript.
    """

    state: Literal["passed"] = "passed"
    runbook: str
    section: str
    steps: tuple[str, ...]
    report: str
    transcript: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookProof(Result):
    """A transcript whose hashes hold.

    Attributes:
        state: `whole`, or `under way`: the run goes on, or ended before its report was written.
        exit: 0.
        transcript: its path.
        runbook: the runbook's name.
        section: anchor of the section.
        entries: how many the transcript has.
        head: the last hash.
        outcome: `passed`, `stopped: …`, or `under way`.
    """

    state: Literal["whole", "under way"]
    transcript: str
    runbook: str
    section: str
    entries: int
    head: str
    outcome: str
