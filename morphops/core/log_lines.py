"""What is kept of what a container wrote: bounded, whatever it wrote. Pure.

A failing release waits for its automatic rollback while its last log lines are read. So neither the
number of lines nor the length of one may decide how long that takes.
"""

from __future__ import annotations

from collections.abc import Callable

LONGEST = 4_000  # characters of a line that are shown
MOST = 1_000_000  # characters of all lines that are looked at
_LOOKED_AT = 5 * LONGEST  # of one line: a secret may end behind what is shown
_CUT = " … (cut)"


def last_lines(text: str, redact: Callable[[str], str]) -> tuple[str, ...]:
    """The last lines of a log, without secrets.

    Args:
        text: what the container wrote.
        redact: takes secrets out of a line.
    """
    lines = text[-MOST:].splitlines()
    if len(text) > MOST and lines:
        lines[0] = _CUT.strip()  # its beginning is missing
    return tuple(_cut(line, redact) for line in lines)


def _cut(line: str, redact: Callable[[str], str]) -> str:
    if len(line) <= LONGEST:
        return redact(line)
    # The two differ where a secret begins that is cut: from there on nothing is shown.
    shown, whole = redact(line[:LONGEST]), redact(line[:_LOOKED_AT])
    same = next((n for n, (a, b) in enumerate(zip(shown, whole, strict=False)) if a != b), None)
    return shown[:same] + _CUT
