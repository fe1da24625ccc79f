"""A runbook as it was read: what it asks for, its steps, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from morphops.core.finding import Finding

DEFAULT_TIMEOUT = 300.0


def unnumbered(title: str) -> str:
    """A step's heading without its own number, which would stand beside another one."""
    return re.sub(r"^\d+\.\s+", "", title)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What the operator must say before a runbook can run.

    Attributes:
        about: what it is.
        pattern: a regular expression that the whole value must match.
        default: used where nothing is said; without one the input is required.
    """

    about: str
    pattern: str = ".+"
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        name: unique in the runbook.
        title: its heading.
        line: of its fence, from 1.
        section: anchor of the section that it stands in.
        command: the Invoke command with `$inputs`; for a manual step, what to do.
        manual: whether a person does it and signs it off.
        needs: steps that must have passed.
        mutates: whether it changes something.
        timeout: seconds.
        on_fail: the step that is offered when this one fails.
        on_failure_only: whether it runs only where an `on-fail` names it.
        exits: exit codes that are expected.
        json: JMESPath expressions that must be true of the command's `--json`.
        see: what a person should look at.
        prose: what else is said under its heading, as Markdown.
    """

    name: str
    title: str
    line: int
    section: str
    command: str
    manual: bool = False
    needs: tuple[str, ...] = ()
    mutates: bool = False
    timeout: float = DEFAULT_TIMEOUT
    on_fail: str = ""
    on_failure_only: bool = False
    exits: tuple[int, ...] = (0,)
    json: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    prose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A runbook as it was read.

    Attributes:
        name: file name without `.md`.
        file: how to name it in findings.
        digest: SHA-256 of its bytes, as `sha256:<hex>`.
        title: its first heading.
        inputs: by name.
        steps: in order.
        main: anchor of the section that is run where none is named; empty for none.
        sections: anchor → title of each section that has steps.
        intros, closings: anchor → what a section says before its first and after its last step, as
            Markdown.
        anchors: every heading's anchor, as forges make them.
        links: (line, target) of every link.
        spans: (line, text) of every inline code.
        texts: (line, text) of every line in a fence.
        findings: what is wrong with it, seen alone.
    """

    name: str
    file: str
    digest: str
    title: str
    inputs: Mapping[str, Input]
    steps: tuple[Step, ...]
    main: str
    sections: Mapping[str, str]
    intros: Mapping[str, str]
    closings: Mapping[str, str]
    anchors: frozenset[str]
    links: tuple[tuple[int, str], ...]
    spans: tuple[tuple[int, str], ...]
    texts: tuple[tuple[int, str], ...]
    findings: tuple[Finding, ...]

    def step(self, name: str) -> Step:
        """A step by its name; KeyError where there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def procedure(self, section: str) -> tuple[Step, ...]:
        """The steps of a section that run in order."""
        return tuple(s for s in self.steps if s.section == section and not s.on_failure_only)

    def command(self, section: str, *options: str) -> str:
        """What goes through a section, as a person would type it."""
        return " ".join(("inv runbook.run", self.name, f"--section={section}", *options))
