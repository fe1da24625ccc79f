"""What every check answers: findings, each with a place and a remedy, and an exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from morphops.core.finding import Finding, Level
from morphops.core.results.base import Result
from morphops.core.verify.drift import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinding:
    """One thing that is wrong.

    Attributes:
        what: what is wrong.
        file: the file that says it; empty where no file does.
        line: the line in that file, from 1; 0 where no line says it.
        remedy: how to fix it.
        rule: the rule that is broken, or the kind of difference; empty: there is one rule only.
        subjects: the services, images, probes or variables that it is about.
        level: `danger` endangers a deploy; `hardening` is advice, unless the bundle demands it.
        also: more lines of the file that have it.
        text: all of it in one line, as people see it.
    """

    what: str
    file: str = ""
    line: int = 0
    remedy: str = ""
    rule: str = ""
    subjects: tuple[str, ...] = ()
    level: Level = "danger"
    also: tuple[int, ...] = ()
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Result):
    """What a check found.

    Attributes:
        state: the outcome, in a word or two.
        exit: the exit code of the process; 0 without findings.
        findings: what is wrong, in the order of places.
        next: what to type next; empty without findings.
    """

    findings: tuple[CheckFinding, ...] = ()
    next: str = ""


def of_findings(findings: Iterable[Finding]) -> tuple[CheckFinding, ...]:
    """Return the findings of a rule as a check answers them."""
    return tuple(
        CheckFinding(
            what=finding.what,
            file=finding.file,
            line=finding.line,
            remedy=finding.remedy,
            rule=finding.rule,
            subjects=finding.subjects,
            level=finding.level,
            also=finding.also,
            text=str(finding),
        )
        for finding in findings
    )


def of_differences(differences: Iterable[Difference], remedy: str) -> tuple[CheckFinding, ...]:
    """Return differences as a check answers them.

    Args:
        differences: between what runs and what was released.
        remedy: what ends all of them.
    """
    return tuple(
        CheckFinding(
            what=difference.what,
            remedy=remedy,
            rule=difference.kind,
            subjects=(difference.subject,),
            text=str(difference),
        )
        for difference in differences
    )
