"""A Dockerfile as a list of instructions. Pure.

Only what rules need: continuation lines, comments between them, heredocs (Dockerfile reference,
"Format" and "Here-documents").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
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

    @property
    def arguments(self) -> list[str]:
        """What is copied or run: the words of the first line, or those of the JSON form."""
        bare = self._bare.partition("\n")[0]
        if bare.startswith("["):
            try:
                found = json.loads(bare)
            except ValueError:
                found = None  # Docker takes it as a text, then
            if isinstance(found, list):
                return [str(word) for word in found]
        return bare.split()

    @property
    def command(self) -> str:
        """What is run, without options: as one text, whatever the form."""
        bare = self._bare
        return " ".join(self.arguments) if bare.startswith("[") else bare

    def options(self, name: str) -> list[str]:
        """The values of an option, which stands in front of everything else."""
        front = self.text[: len(self.text) - len(self._bare)]
        return re.findall(rf"(?:^|\s)--{name}=(\S+)", front)

    def option(self, name: str) -> str:
        """The value of an option; empty where it is not given."""
        return next(iter(self.options(name)), "")

    @property
    def sources(self) -> list[str]:
        """The images, stages and contexts that files are taken from, without stages by number."""
        found: list[str] = []
        if self.name in ("COPY", "ADD"):
            found = self.options("from")
        elif self.name == "RUN":
            fields = [field for mount in self.options("mount") for field in mount.split(",")]
            found = [f.removeprefix("from=") for f in fields if f.startswith("from=")]
        return [source for source in found if source and not source.isdigit()]

    @property
    def declared(self) -> list[str]:
        """The variables that an ENV or an ARG declares."""
        if self.name == "ENV" and "=" not in (self.words or ("",))[0]:
            return self.words[:1]  # the old form: ENV NAME value
        return re.findall(r"(?:^|\s)([A-Za-z_]\w*)(?==|\s*$)", self.text)

    @property
    def _bare(self) -> str:
        return re.sub(r"\A(?:--[a-z][\w-]*(?:=\S*)?\s+)+", "", self.text)


def resolved(text: str, values: Mapping[str, str]) -> str:
    """A text with its `$NAME` and `${NAME:-default}` replaced as far as they are known."""

    def value(found: re.Match[str]) -> str:
        name, operator, word = found[1] or found[2], found[3] or "", found[4] or ""
        there = name in values and (values[name] != "" or not operator.startswith(":"))
        if operator.endswith("+"):
            return word if there else ""
        if there:
            return values[name]
        return word if operator.endswith("-") else found[0]

    return re.sub(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^}]*))?\})", value, text)


def defaults(step: Instruction) -> dict[str, str]:
    """The variables of an ARG that have a default."""
    found = re.findall(r"(?:^|\s)([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S*)", step.text)
    return {name: value.strip("\"'") for name, value in found}


def stages(steps: Iterable[Instruction]) -> list[str]:
    """The names of the stages, in lower case as Docker compares them; empty for one without."""
    found = []
    for step in steps:
        if step.name == "FROM":
            words = step.words
            named = len(words) == 3 and words[1].upper() == "AS"
            found.append(words[2].lower() if named else "")
    return found


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
