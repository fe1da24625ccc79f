"""A bake file as text: the lines of its targets and their keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from morphops.core.finding import Finding


@dataclass(frozen=True, slots=True)
class Bake:
    """A bake file, in HCL or JSON.

    Attributes:
        name: how messages name it.
        text: its contents, for the lines.
    """

    name: str
    text: str

    def line(self, target: str, key: str = "") -> int:
        """Returns the line of a key in a target, else of the target; 0 if neither is found."""
        lines = self.text.splitlines()
        called = re.escape(target)
        opens = re.compile(rf'\s*(target\s+"?{called}"?\s*\{{|"{called}"\s*:)')
        start = next((n for n, line in enumerate(lines) if opens.match(line)), -1)
        if not key or start < 0:
            return start + 1
        names = re.compile(rf'(^|[\s{{,"]){re.escape(key)}"?\s*[=:]')
        for number in range(start, len(lines)):
            if number > start and re.match(r"\s*target\s+[^=\s]", lines[number]):
                break
            if names.search(lines[number]):
                return number + 1
        return start + 1

    def locate(self, target: str) -> Callable[[str], tuple[str, int]]:
        """Returns what finds the file and the line of a target's keys."""
        return lambda key: (self.name, self.line(target, key))

    def of_inline(self, target: str, text: str, finding: Finding) -> Finding:
        """Returns a finding in an inline Dockerfile with its line in this file."""
        inline = text.splitlines()
        said = inline[finding.line - 1].strip() if 0 < finding.line <= len(inline) else ""
        start = self.line(target)
        after = self.text.splitlines()[start:] if start else []
        found = next((n for n, line in enumerate(after, start + 1) if line.strip() == said), start)
        what = f"target {target}: {finding.what}"
        return replace(finding, line=found if said else start, what=what)
