"""Applies a bundle's waivers (`accept:`) to its findings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from morphops.core.bundle.schema import Acceptance
from morphops.core.checks import (
    bundle_rules,
    compose_secrets,
    dockerfile_rules,
    service_rules,
    variable_rules,
)
from morphops.core.finding import Finding
from morphops.core.nearest import did_you_mean
from morphops.core.runbook.rules import STEP
from morphops.core.yaml_text import YamlText

RUNBOOKS = "runbooks"  # a stack that has none


def apply(
    findings: Iterable[Finding], accepted: Sequence[Acceptance], text: YamlText
) -> Iterator[Finding]:
    """Yields the findings that the bundle does not accept, and what is wrong with its waivers.

    Args:
        findings: each about one subject at most.
        accepted: the bundle's `accept`.
        text: the bundle's own text, for the lines.
    """
    known: set[str] = {rule.name for rule in service_rules.RULES} | dockerfile_rules.NAMES
    known |= {
        RUNBOOKS,
        STEP,
        variable_rules.NOTIFY,
        bundle_rules.INVARIANT,
        compose_secrets.LITERAL,
    }
    may = {(entry.rule, entry.subject) for entry in accepted}
    used = set()
    for finding in findings:
        key = next(((finding.rule, subject) for subject in finding.subjects), None)
        if key in may:
            used.add(key)
        else:
            yield finding
    for number, entry in enumerate(accepted):
        line = text.line("accept", str(number))
        if entry.rule not in known:
            remedy = did_you_mean(entry.rule, known, f"one of {', '.join(sorted(known))}")
            yield Finding(text.name, line, f"accept: no rule {entry.rule!r}", remedy)
        elif (entry.rule, entry.subject) not in used:
            what = f"accept: {entry.subject} does not break {entry.rule}"
            yield Finding(text.name, line, what, "remove the entry")


def left(findings: Iterable[Finding], accepted: Sequence[Acceptance]) -> tuple[Finding, ...]:
    """Returns the findings that the bundle does not accept, grouped, after a partial check.

    Args:
        findings: each about one subject at most.
        accepted: the bundle's `accept`.
    """
    may = {(entry.rule, entry.subject) for entry in accepted}
    rest = (f for f in findings if not any((f.rule, subject) in may for subject in f.subjects))
    return tuple(sorted(grouped(rest)))


def grouped(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yields one finding for services that share a wrong line by an anchor."""
    shared: dict[tuple[str, int, str, str, str], list[str]] = {}
    for finding in dict.fromkeys(findings):
        key = (finding.file, finding.line, finding.rule, finding.what, finding.remedy)
        shared.setdefault(key, []).extend(finding.subjects)
    for (file, line, rule, what, remedy), subjects in shared.items():
        # A Dockerfile is its own subject, and is named in front already.
        who = ", ".join(name for name in dict.fromkeys(subjects) if not file.endswith(name))
        text = f"{who}: {what}" if who else what
        yield Finding(file, line, text, remedy, rule, tuple(subjects))
