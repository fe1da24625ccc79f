"""What `exec` and `run` come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult(Result):
    """How a command in a container ended.

    Attributes:
        state: `ended`.
        exit: the exit code of the command itself; 128 + n where signal n ended it.
        service: in whose container it ran.
        container: what that is called; empty for one of its own.
        release: digest of the release whose container, files and values it had.
        operation: its number in the history; 0 where it stands in none.
        lines: what it wrote, redacted, stdout and stderr as they came. Without `--json` they go to
            the standard streams as they are, and this is empty.
    """

    state: Literal["ended"] = "ended"
    service: str
    container: str = ""
    release: str
    operation: int = 0
    lines: tuple[str, ...] = ()
