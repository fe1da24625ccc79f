"""What must never stand on a command line, unless an approval is recorded. Pure.

A flag counts in any form: alone, with a value, inside of a text that a shell is given. What a
program or a shell puts together is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from morphops.core.bundle.schema import Invariant
from morphops.core.stack import Service

# A shell takes these out of a word: --fall"back", --fall\back, a word that goes on in a new line.
_QUOTING = re.compile(r"\\\n|[\\'\"]")


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that is broken, and that is not approved.

    Attributes:
        name: of the invariant.
        service: whose command line it is.
        flag: as the invariant writes it; a value that it has is not shown.
        why: what is lost.
    """

    name: str
    service: str
    flag: str
    why: str

    def __str__(self) -> str:
        return f"{self.service}: {self.what}"

    @property
    def what(self) -> str:
        """What is wrong, and how that would be approved."""
        return (
            f"{self.flag} is on its command line, and no approval of that is recorded "
            f"(invariant {self.name}: {self.why})"
        )


def of_services(services: Mapping[str, Service]) -> dict[str, tuple[Sequence[str], ...]]:
    """The command lines that services would be started with, for `breaches`."""
    return {name: (service.launch.argv,) for name, service in services.items()}


def breaches(
    invariants: Mapping[str, Invariant],
    lines: Mapping[str, Collection[Sequence[str]]],
    approved: Collection[str],
) -> Iterator[Breach]:
    """Every invariant that is broken.

    Args:
        invariants: of the bundle, by name.
        lines: service → the command lines of it.
        approved: names of invariants that may be broken.
    """
    for name, invariant in invariants.items():
        if name in approved:
            continue
        for flag in invariant.forbids:
            if any(has(line, flag) for line in lines.get(invariant.service, ())):
                yield Breach(name, invariant.service, flag, invariant.why)


def has(line: Sequence[str], flag: str) -> bool:
    """Whether a flag stands on a command line, in whatever form."""
    name, equals, value = flag.partition("=")
    said = rf"{re.escape(name)}(?:=|\s+){re.escape(value)}" if equals else re.escape(name)
    whole = re.compile(rf"(?<![\w-]){said}(?![\w-])")
    # A value may be a word of its own.
    words = (*line, " ".join(line)) if equals else line
    return any(whole.search(word) or whole.search(_QUOTING.sub("", word)) for word in words)
