"""The prose inside of code: docstrings, comments, and the texts of messages."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

_NAME = re.compile(r"[\w./:@=-]+")


def passages(code: str) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring, comment and message; what stands in backquotes is left out.

    A text without a space is a name or a key, which others may rely on.
    """
    for line, text in (*_comments(code), *_texts(code)):
        plain = re.sub(r"`[^`]*`", "`", text)
        if not _NAME.fullmatch(plain):
            yield line, " ".join(plain.split())


def _comments(code: str) -> Iterator[tuple[int, str]]:
    block: list[str] = []
    begun = last = 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if block and line == last + 1:
            block.append(token.string.lstrip("# "))
        else:
            if block:
                yield begun, " ".join(block)
            block, begun = [token.string.lstrip("# ")], line
        last = line
    if block:
        yield begun, " ".join(block)


def _texts(code: str) -> Iterator[tuple[int, str]]:
    """String constants; of one with values in it what stands between them."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
