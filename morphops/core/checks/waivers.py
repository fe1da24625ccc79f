"""Applies a bundle's waivers (`accept:`) to its findings. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from morphops.core.bundle.schema import Acceptance
from morphops.core.checks import (
    bundle_rules,
    compose_rules,
    compose_secrets,
    dockerfile_rules,
    service_rules,
    variable_rules,
)
from morphops.core.finding import Finding, Level
from morphops.core.nearest import did_you_mean
from morphops.core.rule import Rule
from morphops.core.runbook import rules as runbook_rules
from morphops.core.yaml_text import YamlText

RUNBOOKS = "runbooks"  # a stack that has none
_NO_RUNBOOKS: Level = "hardening"

TABLES: tuple[Iterable[Rule[Any, Any]], ...] = (
    service_rules.RULES,
    compose_secrets.RULES,
    compose_rules.RULES,
    bundle_rules.RULES,
    variable_rules.BUNDLE_RULES,
    dockerfile_rules.RULES,
    runbook_rules.TASK_RULES,
)
# The rules that a bundle may accept.
NAMES = frozenset(rule.name for table in TABLES for rule in table if rule.name) | {RUNBOOKS}


def no_runbooks(text: YamlText, folder: str) -> Finding:
    """Returns the finding of a stack without any runbook.

    Args:
        text: the bundle's own text, for the line.
        folder: where they would be, as it is named in messages.
    """
    return Finding(
        text.name,
        text.line("runbooks"),
        f"there are no runbooks in {folder}",
        "write them: one Markdown file for each, with a step for every task that changes something",
        RUNBOOKS,
        (RUNBOOKS,),
        _NO_RUNBOOKS,
    )


def apply(
    findings: Iterable[Finding], accepted: Sequence[Acceptance], text: YamlText
) -> Iterator[Finding]:
    """Yields the findings that the bundle does not accept, and what is wrong with its waivers.

    Args:
        findings: each about one subject at most.
        accepted: the bundle's `accept`.
        text: the bundle's own text, for the lines.
    """
    found = tuple(findings)
    used: set[tuple[int, str, str]] = set()  # entry, rule pattern, subject pattern
    for finding in found:
        by = [
            (number, rule, subject)
            for number, entry in enumerate(accepted)
            for rule, subject in _pairs(entry)
            if _covers(finding, rule, subject)
        ]
        used.update(by)
        if not by:
            yield finding
    for number, entry in enumerate(accepted):
        for what, remedy in _faults(entry, {(r, s) for n, r, s in used if n == number}, found):
            yield Finding(text.name, text.line("accept", str(number)), f"accept: {what}", remedy)


def left(findings: Iterable[Finding], accepted: Sequence[Acceptance]) -> tuple[Finding, ...]:
    """Returns the findings that the bundle does not accept, grouped, after a partial check.

    Args:
        findings: each about one subject at most.
        accepted: the bundle's `accept`.
    """
    pairs = [pair for entry in accepted for pair in _pairs(entry)]
    rest = (f for f in findings if not any(_covers(f, *pair) for pair in pairs))
    return tuple(sorted(grouped(rest)))


def grouped(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yields one finding for the services of a file that break a rule in the same way."""
    shared: dict[tuple[object, ...], list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        own_line = () if finding.subjects else (finding.line,)
        same = (finding.file, finding.rule, finding.what, finding.remedy, finding.level)
        shared.setdefault((*same, *own_line), []).append(finding)
    for first, *more in (sorted(group, key=lambda f: f.line) for group in shared.values()):
        subjects = tuple(dict.fromkeys(s for f in (first, *more) for s in f.subjects))
        # A Dockerfile is its own subject, and is named in front already.
        who = ", ".join(name for name in subjects if name != first.file)
        also = tuple(dict.fromkeys(f.line for f in more if f.line != first.line))
        what = f"{who}: {first.what}" if who else first.what
        yield replace(first, what=what, subjects=subjects, also=also)


def _pairs(entry: Acceptance) -> Iterator[tuple[str, str]]:
    """Each pair of a rule's and a subject's pattern that an entry accepts."""
    return ((rule, subject) for rule in entry.rules for subject in entry.subjects)


def _covers(finding: Finding, rule: str, subject: str) -> bool:
    """Whether patterns accept a finding. One that has no rule can never be accepted."""
    named = bool(finding.rule) and fnmatchcase(finding.rule, rule)
    return named and any(_matches(name, subject) for name in finding.subjects)


def _matches(subject: str, pattern: str) -> bool:
    """Whether a subject has a pattern's form. One without a slash matches a file's name as well."""
    base = subject.rpartition("/")[2]
    return fnmatchcase(subject, pattern) or ("/" not in pattern and fnmatchcase(base, pattern))


def _faults(
    entry: Acceptance, used: Collection[tuple[str, str]], found: Sequence[Finding]
) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry, and what to write."""
    for rule in entry.rules:
        if not any(fnmatchcase(name, rule) for name in NAMES):
            remedy = did_you_mean(rule, NAMES, f"one of {', '.join(sorted(NAMES))}")
            yield f"no rule {rule!r}", remedy
        elif not any(rule == of for of, _ in used):
            subjects = " or ".join(entry.subjects)
            broken = {s for f in found if f.rule and fnmatchcase(f.rule, rule) for s in f.subjects}
            do = f"; these do: {', '.join(sorted(broken))}" if broken else ""
            yield f"{subjects} does not break {rule}{do}", "remove the entry"
    if used:
        for subject in entry.subjects:
            if not any(subject == of for _, of in used):
                yield f"{subject} breaks none of {', '.join(entry.rules)}", "remove it"
