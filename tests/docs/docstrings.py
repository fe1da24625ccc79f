"""The docstrings of code, as Markdown: sections of arguments become lists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_SECTION = re.compile(r"^(Args|Arguments|Attributes|Raises|Returns|Yields):$")
_ENTRY = re.compile(r"^ {4}(?=\S)")


def docstrings(code: str) -> Iterator[tuple[int, str]]:
    """Line and Markdown of each docstring of a module."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, markdown(text)


def markdown(docstring: str) -> str:
    """A docstring in Google's style as Markdown: each entry of a section is a list item."""
    lines, section = [], False
    for line in docstring.splitlines():
        if _SECTION.match(line):
            section = True
            lines += [line, ""]
        elif section and _ENTRY.match(line):
            lines.append("- " + line[4:])
        else:
            section = section and (not line or line.startswith(" "))
            lines.append(line[4:] if section else line)
    return "\n".join(lines)
