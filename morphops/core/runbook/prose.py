"""What a runbook says beside its commands: its section or step, and how it reads as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from morphops.core.runbook import expectations
from morphops.core.runbook.model import Step, unnumbered

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_WIDTH = 74  # a terminal of 80 columns, less what stands before a note
_LISTS = ("bullet_list", "ordered_list")
_HARD = "\0"  # a space at which no line is broken


@dataclass(frozen=True, slots=True)
class Prose:
    """What is said in a runbook's sections, as Markdown.

    Attributes:
        steps: in order, each with what is said under its heading.
        intros: section → what stands before its first step.
        closings: section → what stands behind its last one.
    """

    steps: tuple[Step, ...]
    intros: Mapping[str, str]
    closings: Mapping[str, str]


@dataclass(slots=True)
class Heading:
    """A heading of a section or of a step.

    Attributes:
        line: from 1.
        title: its text.
        section: anchor of the section that it stands in.
        opens: whether it is the section's own.
        said: the blocks under it, without commands and expectations.
    """

    line: int
    title: str
    section: str
    opens: bool
    said: list[str] = field(default_factory=list)


def assign(
    document: SyntaxTreeNode,
    lines: Sequence[str],
    headings: Sequence[Heading],
    steps: Sequence[Step],
) -> Prose:
    """Returns each passage with the section or the step that it is about.

    One under a heading without a step belongs to the step that follows, or to the section's end.

    Args:
        document: the runbook.
        lines: of the document.
        headings: those of sections and steps, in order.
        steps: in order.
    """
    _fill(document, lines, headings, {step.line for step in steps})
    intros: dict[str, str] = {}
    waiting: dict[str, list[str]] = {}
    told = {step.line: step for step in steps}
    ends = [*(heading.line for heading in headings[1:]), len(lines) + 1][: len(headings)]
    for heading, end in zip(headings, ends, strict=True):
        text = "\n\n".join(heading.said)
        step = next((s for s in steps if heading.line < s.line < end), None)
        if heading.opens:
            intros[heading.section] = text
        elif step is None:
            text = f"{unnumbered(heading.title)}\n\n{text}".strip()
            waiting.setdefault(heading.section, []).append(text)
        elif step.on_failure_only:
            told[step.line] = replace(step, prose=text)
        else:
            before = waiting.pop(heading.section, [])
            told[step.line] = replace(step, prose="\n\n".join(filter(None, [*before, text])))
    closings = {section: "\n\n".join(texts) for section, texts in waiting.items()}
    return Prose(tuple(told.values()), intros, closings)


def _fill(
    document: SyntaxTreeNode,
    lines: Sequence[str],
    headings: Sequence[Heading],
    commands: set[int],
) -> None:
    """Give each heading the blocks below it, without commands, comments and expectations."""
    by_line = {heading.line: heading for heading in headings}
    current: Heading | None = None
    expecting = False
    for node in document.children:
        first, last = node.map or (0, 0)
        # With another bullet the list of expectations goes on.
        expecting = expectations.begins(node) or (expecting and node.type == "bullet_list")
        if node.type == "heading":
            current = by_line.get(first + 1)
        elif current and not expecting and node.type != "html_block" and first + 1 not in commands:
            current.said.append("\n".join(lines[first:last]).rstrip())


def plain(markdown: str) -> tuple[str, ...]:
    """Returns Markdown as lines for a terminal of 80 columns, with an empty one between blocks."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    shown: list[str] = []
    for block in _blocks(SyntaxTreeNode(MarkdownIt("commonmark").parse(markdown))):
        lines = _list_lines(block, 1) if block.type in _LISTS else _lines(block, "", "")
        if shown:
            shown.append("")
        shown += lines
    return tuple(shown)


def _blocks(node: SyntaxTreeNode) -> Iterator[SyntaxTreeNode]:
    """The lists and texts in a block, in order; what is in a list belongs to it."""
    for child in node.children:
        if child.type in (*_LISTS, "inline", "fence", "code_block"):
            yield child
        else:
            yield from _blocks(child)


def _list_lines(node: SyntaxTreeNode, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for item in node.children:
        bullet = f"{item.info}{item.markup} " if item.info else "- "
        for block in _blocks(item):
            if block.type in _LISTS:
                yield from _list_lines(block, depth + 1)
            else:
                yield from _lines(block, indent, bullet)
            bullet = bullet if block.type in ("fence", "code_block") else ""


def _lines(node: SyntaxTreeNode, indent: str, bullet: str) -> Iterator[str]:
    if node.type == "inline":
        start = indent[: -len(bullet)] + bullet if bullet else indent
        yield from _wrapped(_text(node.children), start, indent)
    else:
        yield from (f"{indent}  {line}" for line in node.content.splitlines())


def line(markdown: str) -> str:
    """Returns a line of Markdown as a line of text."""
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

    inlines = SyntaxTreeNode(MarkdownIt("commonmark").parseInline(markdown)).children
    text = "".join(_text(inline.children) for inline in inlines)
    return text.replace("\n", " ").replace(_HARD, " ")


def _wrapped(text: str, start: str, indent: str) -> list[str]:
    if text.startswith("|"):  # a table: CommonMark has none, so it is one paragraph
        return [f"{indent}{row}".replace(_HARD, " ") for row in text.split("\n")]
    wrapped = textwrap.wrap(
        text.replace("\n", " "),
        _WIDTH,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [row.replace(_HARD, " ") for row in wrapped]


def _text(nodes: Sequence[SyntaxTreeNode]) -> str:
    """What inline nodes say, with the target of each link behind it."""
    return "".join(map(_said, nodes))


def _said(node: SyntaxTreeNode) -> str:
    match node.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "code_inline":
            return f"`{node.content.replace(' ', _HARD)}`"
        case "link":
            return f"{_text(node.children)} ({_target(str(node.attrs['href']))})"
        case "html_inline":
            return ""
        case "text":
            return node.content
    return _text(node.children)  # emphasis


def _target(href: str) -> str:
    """What a link points at, in a runbook's words where that is another of them."""
    path, _, anchor = href.partition("#")
    file = PurePosixPath(path)
    if path and (file.suffix != ".md" or file.name != path):
        return href
    return ", ".join(
        filter(None, (path and f"runbook {file.stem}", anchor and f"section {anchor}"))
    )
