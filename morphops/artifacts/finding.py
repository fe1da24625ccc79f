"""What is wrong with an artifact: where, what, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        file: as it is named in messages.
        line: from 1; 0 where no line says it.
        what: what is wrong.
        remedy: how to mend it.
    """

    file: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.what}; {self.remedy}"
