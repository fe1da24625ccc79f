"""A Dockerfile as a list of instructions. Pure.

Only what rules need: continuation lines, comments between them, heredocs (Dockerfile reference,
"Format" and "Here-documents").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Attributes:
        name: in capitals.
        text: what stands behind it, its lines joined.
        line: of its first line.
    """

    name: str
    text: str
    line: int

    @property
    def words(self) -> list[str]:
        """What stands behind it, without options (`--from=base`)."""
        return [word for word in self.text.split() if not word.startswith("--")]

    def option(self, name: str) -> str:
        """The value of an option; empty where it is not given."""
        found = re.search(rf"(?:^|\s)--{name}=(\S+)", self.text)
        return found[1] if found else ""


def instructions(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, in order."""
    return list(_instructions(text.splitlines()))


def directives(text: str) -> Iterator[tuple[str, str, int]]:
    """The parser directives on top of a file: name, value, line."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _DIRECTIVE.fullmatch(line.strip())
        if not found:
            return
        yield found[1].lower(), found[2], number


def _instructions(lines: list[str]) -> Iterator[Instruction]:
    number = 0
    while number < len(lines):
        first = number
        parts: list[str] = []
        while number < len(lines):
            line = lines[number].strip()
            number += 1
            if line.startswith("#") or (parts and not line):
                continue
            more = line.endswith("\\")
            parts.append(line.removesuffix("\\").strip())
            if not more:
                break
        whole = " ".join(part for part in parts if part)
        for _, end in _HEREDOC.findall(whole):
            while number < len(lines):
                line = lines[number].strip()
                number += 1
                if line == end:
                    break
                whole += f"\n{line}"
        if whole:
            name, _, rest = whole.partition(" ")
            # Comments on top of an instruction are not its first line.
            while lines[first].strip().startswith("#") or not lines[first].strip():
                first += 1
            yield Instruction(name.upper(), rest.strip(), first + 1)
