"""Reads Markdown for the tests of the documents: its sentences, words, links and anchors."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token

_FRONT = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)
# A sentence ends at . ? or !, with a bracket or a quote behind it maybe, before white space and the
# start of the next one. So neither `bundle.yaml` nor `3 a.m. who` ends one; a colon and a semicolon
# do not, either.
_END = re.compile(r"(?<=[.?!])[)\"'”]*\s+(?=[^a-z\s])")
MOST_WORDS = 25  # of a sentence
_CODE = "CODE"  # code stands for one word, whatever is in it


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph, a heading, a list item or a table cell.

    Attributes:
        line: where it begins, counted from 1.
        text: what a person reads, with code as one word each.
        links: what it links to, as written.
        kind: `cell`, `heading`, `manual` (a step for a person) or `text`.
    """

    line: int
    text: str
    links: tuple[str, ...] = ()
    kind: str = "text"

    def sentences(self) -> tuple[str, ...]:
        """The sentences of the passage."""
        return tuple(part for part in _END.split(self.text) if part.strip())


@cache
def passages(markdown: str) -> tuple[Passage, ...]:
    """Everything of a page that a person reads and no machine; code fences are left out."""
    text = _FRONT.sub(lambda front: "\n" * front[0].count("\n"), markdown)
    return tuple(_passages(MarkdownIt("commonmark").enable("table").parse(text)))


def _passages(tokens: list[Token]) -> Iterator[Passage]:
    opened = ""
    for token in tokens:
        line = token.map[0] + 1 if token.map else 0
        if token.type.endswith("_open"):
            opened = token.type.removesuffix("_open")
        if token.type == "inline":
            kind = "cell" if opened in ("td", "th") else "text"
            if opened == "heading":
                kind = "heading"
            yield Passage(line, _text(token), _links(token), kind)
        if token.type == "fence" and "task=manual" in token.info:
            yield Passage(line, " ".join(token.content.split()), kind="manual")


def _text(inline: Token) -> str:
    said = []
    for token in inline.children or ():
        if token.type == "code_inline":
            said.append(_CODE)
        elif token.type == "text":
            said.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            said.append(" ")
    return re.sub(r"\s+", " ", "".join(said)).strip()


def _links(inline: Token) -> tuple[str, ...]:
    hrefs = [t.attrGet("href") for t in inline.children or () if t.type == "link_open"]
    return tuple(str(href) for href in hrefs)


def long_sentences(markdown: str) -> Iterator[str]:
    """Line, length and text of each sentence with more than MOST_WORDS words; cells have none."""
    for passage in passages(markdown):
        if passage.kind == "cell":
            continue
        for sentence in passage.sentences():
            words = [word for word in sentence.split() if re.search(r"\w", word)]
            if len(words) > MOST_WORDS:
                yield f"{passage.line}: {len(words)} words: {sentence}"


@cache
def anchors(markdown: str) -> frozenset[str]:
    """The anchors of the headings of a page, as forges make them."""
    found: list[str] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(_FRONT.sub("", markdown))
    for heading, inline in itertools.pairwise(tokens):
        if heading.type != "heading_open":
            continue
        said = "".join(
            t.content for t in inline.children or () if t.type in ("text", "code_inline")
        )
        slug = re.sub(r"[^\w\- ]", "", said.lower()).replace(" ", "-")
        again = sum(
            re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other) is not None for other in found
        )
        found.append(f"{slug}-{again}" if again else slug)
    return frozenset(found)


def target(page: str, link: str) -> tuple[str, str] | None:
    """The page and the anchor that a relative link of a page leads to; None for another site."""
    if re.match(r"[a-z]+:", link):
        return None
    path, _, anchor = link.partition("#")
    if not path:
        return page, anchor
    parts: list[str] = []
    for part in (PurePosixPath(page).parent / path).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts), anchor


def read(root: Path, *patterns: str) -> dict[str, str]:
    """The pages that match, by their path below the root."""
    paths = sorted({path for pattern in patterns for path in root.glob(pattern)})
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}
