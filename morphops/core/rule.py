"""A checker's rules as values: what each one finds, and what to write instead. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from morphops.core.finding import Finding, Level

Subject = TypeVar("Subject")
Place = TypeVar("Place")
Path: TypeAlias = tuple[str, ...]  # keys, and numbers of items, in a YAML document


@dataclass(frozen=True, slots=True)
class Breach(Generic[Place]):
    """One place at which a rule is broken.

    Attributes:
        place: a path in a YAML file, a line of a Dockerfile: whatever the checker can locate.
        words: fill the fields of the rule's texts.
        subjects: what the finding is about, where that differs from breach to breach.
    """

    place: Place
    words: Mapping[str, object] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()


def at(*path: str, **words: object) -> Breach[Path]:
    """Returns a breach at a path of a YAML file; the words fill the rule's texts."""
    return Breach(path, words)


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject, Place]):
    """One rule.

    Attributes:
        name: by which `accept:` names it; empty where a bundle cannot accept a breach.
        broken: returns the places at which it is broken; none when it holds.
        what: says what is wrong; a format string for a breach's words.
        remedy: says what to write; a format string, too.
        level: whether a breach endangers a deploy, or is advice for hardening.
    """

    name: str
    broken: Callable[[Subject], Iterable[Breach[Place]]]
    what: str
    remedy: str
    level: Level = "danger"


def findings(
    rules: Iterable[Rule[Subject, Place]],
    subject: Subject,
    locate: Callable[[Place], tuple[str, int]],
    subjects: tuple[str, ...] = (),
) -> Iterator[Finding]:
    """Applies rules and makes a finding of each breach, in the order of the rules.

    Args:
        rules: to apply.
        subject: what they read.
        locate: returns the file and the line of a place.
        subjects: what the findings are about, unless a breach says it.
    """
    for rule in rules:
        for breach in rule.broken(subject):
            yield Finding(
                *locate(breach.place),
                rule.what.format_map(breach.words),
                rule.remedy.format_map(breach.words),
                rule.name,
                breach.subjects or subjects,
                rule.level,
            )
