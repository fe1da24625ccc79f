"""What a runbook says beside its commands: whose it is, and how it reads without Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from morphops.core.runbook import expectations
from morphops.core.runbook.model import Step, unnumbered

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode

_WIDTH = 74  # a terminal of 80 columns, less what stands before a note
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
    """Give each passage to the section or the step that it is about.

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
    """Markdown as lines for a terminal of 80 columns, with an empty one between paragraphs."""
    from markdown_it import MarkdownIt

    shown: list[str] = []
    depth, bullet, first = 0, "", False
    for token in MarkdownIt("commonmark").parse(markdown):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            first = depth == 0
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type == "list_item_open":
            bullet = f"{token.info}{token.markup} " if token.info else "- "
        if token.type not in ("inline", "fence", "code_block"):
            continue
        if shown and (first or not depth):
            shown.append("")
        first = False
        indent = "  " * depth
        if token.type == "inline":
            start = indent[: -len(bullet)] + bullet if bullet else indent
            shown += _wrapped(_text(token), start, indent)
            bullet = ""
        else:
            shown += [f"{indent}  {line}" for line in token.content.splitlines()]
    return tuple(shown)


def line(markdown: str) -> str:
    """A line of Markdown as a line of text."""
    from markdown_it import MarkdownIt

    text = "".join(_text(token) for token in MarkdownIt("commonmark").parseInline(markdown))
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


def _text(inline: Token) -> str:
    """What an inline token says, with the target of each link behind it."""
    said: list[str] = []
    targets: list[str] = []
    for child in inline.children or ():
        if child.type in ("softbreak", "hardbreak"):
            said.append("\n")
        elif child.type == "code_inline":
            said.append(f"`{child.content.replace(' ', _HARD)}`")
        elif child.type == "link_open":
            targets.append(str(child.attrs["href"]))
        elif child.type == "link_close":
            said.append(f" ({_target(targets.pop())})")
        elif child.type != "html_inline":
            said.append(child.content)
    return "".join(said)


def _target(href: str) -> str:
    """What a link points at, in a runbook's words where that is another of them."""
    path, _, anchor = href.partition("#")
    file = PurePosixPath(path)
    if path and (file.suffix != ".md" or file.name != path):
        return href
    return ", ".join(
        filter(None, (path and f"runbook {file.stem}", anchor and f"section {anchor}"))
    )
