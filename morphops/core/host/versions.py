"""Which versions of Docker's programs this was tried with, and which do not go together. Pure.

The table of docs/reference/versions.md is this one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Series: TypeAlias = tuple[int, int]  # major and minor

# A pair of series each was tried in: Debian 13's packages, and Debian's newest.
TESTED: Mapping[str, tuple[Series, ...]] = {
    "engine": ((26, 1), (28, 5)),
    "Compose": ((2, 26), (2, 40)),
    "Buildx": ((0, 13), (0, 29)),
}


@dataclass(frozen=True, slots=True)
class Clash:
    """A pair of programs of which one is too old for the other.

    Attributes:
        program, since: the newer one, and the first series of it that needs more.
        needs, least: the older one, and the first series of it that will do.
        harm: what happens otherwise.
    """

    program: str
    since: Series
    needs: str
    least: Series
    harm: str


CLASHES = (
    # `runc create failed: namespace {"time" ""} does not exist`, seen with 29.7.2 and 1.1.5.
    Clash("engine", (29, 7), "runc", (1, 2), "every container fails when it starts"),
)


def version_of(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with: `v2.26.1-4` → (2, 26, 1); () where there are none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part) if found else ()


def untested(program: str, version: str) -> str:
    """What to know of a version that was not tried; empty where it was, or is not known.

    Args:
        program: `engine`, `Compose` or `Buildx`.
        version: as it says itself.
    """
    series, tested = version_of(version)[:2], TESTED[program]
    if not series or series in tested:
        return ""
    known = ", ".join(f"{major}.{minor}" for major, minor in tested)
    if series > max(tested):
        return f"newer than those that were tested ({known})"
    if series < min(tested):
        return f"older than those that were tested ({known})"
    return f"between those that were tested ({known})"


def clash(found: Mapping[str, str]) -> Clash | None:
    """The first pair of programs that do not go together.

    Args:
        found: program → its version; empty where it is not known.
    """
    versions = {program: version_of(version)[:2] for program, version in found.items()}
    for one in CLASHES:
        newer, older = versions.get(one.program), versions.get(one.needs)
        if newer and older and newer >= one.since and older < one.least:
            return one
    return None
