"""The probe `exec`: a command inside of a service's container ends with 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from morphops.core.probes.kind import Asks, Patience, ProbeKind
from morphops.core.schema import more_than_zero
from morphops.core.verify.reading import Reading

_NO_PROGRAM = (126, 127)  # POSIX shell, "exit status for commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec(ProbeKind):
    """A command inside of a service's container ends with 0, and says what is expected.

    Attributes:
        service: in whose container; of several in the first that runs.
        command: the program and its arguments; no shell reads them, and no secret may stand here.
        says: a text that must be in what it writes; empty: that does not matter.
        judges: services whose answers come through `service`, beside those that it depends on.
        timeout: seconds that the command has.
        deadline, interval: seconds.
    """

    kind: Literal["exec"]
    service: str
    command: tuple[str, ...]
    says: str = ""
    judges: tuple[str, ...] = ()
    timeout: float = 10.0
    deadline: float = 30.0
    interval: float = 1.0

    @property
    def asks(self) -> Asks:
        """See `ProbeKind.asks`."""
        return Asks((self.service,), judges=self.judges)

    @property
    def patience(self) -> Patience:
        """See `ProbeKind.patience`."""
        return Patience(self.deadline, self.interval)

    def own_findings(self) -> list[str]:
        """See `ProbeKind.own_findings`."""
        named = bool(self.command and self.command[0])
        return [
            *([] if named else ["command: names no program"]),
            *more_than_zero(timeout=self.timeout),
        ]

    def judge(self, exit_code: int, lines: Sequence[str]) -> Reading:
        """Compare how the command ended with what is expected.

        Args:
            exit_code: its own.
            lines: what it wrote, without secrets.
        """
        program, details = self.command[0], tuple(lines[-_SHOWN:])
        if exit_code in _NO_PROGRAM:
            what = f"{self.service} has no program {program}, or it cannot be run there"
            return Reading(False, what, details, final=True)
        if exit_code:
            return Reading(False, f"{program} in {self.service} ended with {exit_code}", details)
        if self.says not in "\n".join(lines):
            return Reading(
                False, f"{program} in {self.service} does not say {self.says!r}", details
            )
        return Reading(True, f"{program} in {self.service} ended with 0")


_SHOWN = 5  # lines
