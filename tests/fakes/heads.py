"""The heads of histories, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from morphops.core.history.heads import Head
from morphops.errors import MorphopsError


@dataclass
class Remembering:
    """A `LockGuard` and a `Heads`: keeps the heads that it was told."""

    heads: list[Head] = field(default_factory=list)
    refuse: MorphopsError | None = None

    def check(self, *, sure: bool = True) -> None:
        if self.refuse:
            raise self.refuse

    def report_head(self, head: Head) -> None:
        self.heads.append(head)

    def read(self, project: str) -> Head | None:
        return self.heads[-1] if self.heads else None

    def latest(self, project: str) -> Head | None:
        return max(self.heads, key=lambda head: head.seq, default=None)

    def write(self, project: str, head: Head) -> None:
        self.heads.append(head)

    def remove(self, project: str) -> None:
        self.heads.clear()
