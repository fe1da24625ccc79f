"""A runbook's front matter: the inputs that it asks for, and its main section. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from morphops.core import schema
from morphops.core.checks import plain_secrets
from morphops.core.finding import Finding, of_error
from morphops.core.runbook.model import Input
from morphops.errors import ConfigError

_FRONT = re.compile(r"\A---\n(?P<yaml>.*?)\n---\n", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Front matter.

    Attributes:
        inputs: by name.
        main: anchor of the section that runs if none is named.
    """

    inputs: Mapping[str, Input] = field(default_factory=dict)
    main: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """Front matter as it was read.

    Attributes:
        front: empty if there is none, or if it is malformed.
        lines: how many lines it has.
        findings: what is wrong with it.
    """

    front: Front = field(default_factory=Front)
    lines: int = 0
    findings: tuple[Finding, ...] = ()


def read(text: str, file: str) -> Read:
    """Returns the front matter of a runbook, with what is wrong with it.

    Args:
        text: the runbook.
        file: how to name it in findings.
    """
    found = _FRONT.match(text)
    if not found:
        return Read()
    lines = found[0].count("\n")
    try:
        # A blank line in place of the dashes, so that its lines are the file's.
        front = schema.parse_mapping("\n" + found["yaml"], file, Front)
    except ConfigError as err:
        broken = of_error(err, "inputs: {NAME: {about: …, pattern: …}}")
        of_front = (Finding(file, f.line or 1, f"front matter: {f.what}", f.remedy) for f in broken)
        return Read(lines=lines, findings=tuple(of_front))
    return Read(front, lines, tuple(_input_findings(front, file)))


def without_front(text: str) -> str:
    """Returns a runbook's Markdown without its front matter, which is at the start or nowhere."""
    return _FRONT.sub("", text, count=1)


def _input_findings(front: Front, file: str) -> Iterator[Finding]:
    for name, spec in front.inputs.items():
        try:
            re.compile(spec.pattern)
        except re.error as err:
            what = f"inputs/{name}/pattern: {err}"
            yield Finding(file, 1, what, "write a regular expression")
        if plain_secrets.mentions_secret(name):  # inputs are on command lines and in transcripts
            what = f"inputs/{name}: an input must not be a secret"
            yield Finding(file, 1, what, "keep it in the env file")
