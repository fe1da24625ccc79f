"""What is wrong with an artifact: where, what, and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from morphops.errors import ConfigError

# `danger`: a deploy may fail, or come out otherwise than it seems. `hardening`: it could be safer.
Level: TypeAlias = Literal["danger", "hardening"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        file: as it is named in messages.
        line: from 1; 0 for the file as a whole.
        what: what is wrong.
        remedy: what to write, or to do.
        rule: the rule that was broken, if a bundle may accept that (`accept:`).
        subjects: the services that it is about, or the Dockerfile's path.
        level: whether it endangers a deploy.
        also: more lines of the file that have it.
    """

    file: str
    line: int
    what: str
    remedy: str
    rule: str = ""
    subjects: tuple[str, ...] = ()
    level: Level = "danger"
    also: tuple[int, ...] = ()

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        rule = f" [{self.rule}]" if self.rule else ""
        lines = "line" if len(self.also) == 1 else "lines"
        also = f" (also {lines} {', '.join(map(str, self.also))})" if self.also else ""
        return f"{where}: {self.what}; {self.remedy}{rule}{also}"


def of_error(error: ConfigError, remedy: str) -> Iterator[Finding]:
    """Yields a finding for each line (`file:line: what`) of an error about a file.

    Args:
        error: its lines may end with a remedy of their own: `what; remedy`.
        remedy: for the others.
    """
    for text in error.detail or (error.what,):
        found = re.fullmatch(r"(.+?):(?:(\d+):)? (.*)", text, re.DOTALL)
        file, line, what = found.groups() if found else (text, "", "is wrong")
        says, _, own = what.rpartition("; ")
        yield Finding(file, int(line or 0), says or what, own if says else remedy)
