"""Reads a runbook: plain Markdown that reads well on a forge, and whose steps can be run.

    ---
    inputs:
      release: {about: digest of the release, pattern: "sha256:[0-9a-f]{64}"}
    ---
    # Deploy
    ## Deploy a release                      a section: one procedure
    ### 3. Deploy it                         a step: a heading, one fence, what to expect
    ```sh {name=deploy needs=preflight mutates=true timeout=600s on-fail=status}
    inv deploy --image=$release
    ```
    Expect:
    - exit: 0
    - json: state == 'healthy'               JMESPath (jmespath.org) on what `--json` prints
    - see: the adapter answers               for a person's eyes

A fence in `sh` is one Invoke command and no shell; `task=manual` on a `text` fence is something
that a person does and signs off. A step with `when=failure` runs only where another's `on-fail`
names it.
Reading is CommonMark's (spec.commonmark.org, 0.31), by markdown-it-py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from morphops.core import schema
from morphops.core.finding import Finding, of_error
from morphops.core.runbook.model import DEFAULT_TIMEOUT, Input, Runbook, Step
from morphops.core.runbook.prose import Heading, Prose, assign
from morphops.errors import ConfigError

if TYPE_CHECKING:
    from markdown_it.token import Token

_INFO = re.compile(r"(?P<language>\w+)\s*(?:\{(?P<attributes>[^}]*)\})?\s*")
_FRONT = re.compile(r"\A---\n(?P<yaml>.*?)\n---\n", re.DOTALL)
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DURATION = re.compile(r"([1-9][0-9]*)(s|m|h)")
# Inputs stand on command lines and in transcripts.
_SECRET = re.compile(r"(?i)secret|password|passwd|token|credential|private|api_?key")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SHELLS = ("sh", "bash", "shell", "console", "zsh")
_KEYS = ("name", "needs", "mutates", "timeout", "on-fail", "when", "task")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    inputs: Mapping[str, Input] = field(default_factory=dict)
    main: str = ""


def parse(text: str, name: str, file: str) -> Runbook:
    """Read a runbook; what is wrong with it stands in its findings.

    Args:
        text: Markdown.
        name: file name without `.md`.
        file: how to name it in findings.
    """
    reader = _Reader(file)
    plain = text.removeprefix("\ufeff")
    if plain != text:
        reader.find(1, "begins with a byte order mark", "save it as UTF-8 without BOM")
    front, skipped = reader.front(plain)
    prose = reader.body(plain, skipped)
    sections = {step.section: reader.titles[step.section] for step in reader.steps}
    if front.main and front.main not in sections:
        reader.find(1, f"main: no section {front.main!r} has steps", "name one's anchor")
    return Runbook(
        name=name,
        file=file,
        digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
        title=reader.title or name,
        inputs=front.inputs,
        steps=prose.steps,
        main=front.main,
        sections=sections,
        intros=prose.intros,
        closings=prose.closings,
        anchors=frozenset(reader.anchors),
        links=tuple(reader.links),
        spans=tuple(reader.spans),
        texts=tuple(reader.texts),
        findings=tuple(reader.findings),
    )


def without_front(text: str) -> str:
    """A runbook's Markdown without its front matter, which stands at the start or nowhere."""
    return _FRONT.sub("", text, count=1)


class _Reader:
    """Goes through a document's blocks once, and gathers."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.title = ""
        self.titles: dict[str, str] = {"": ""}
        self.anchors: list[str] = []
        self.links: list[tuple[int, str]] = []
        self.spans: list[tuple[int, str]] = []
        self.texts: list[tuple[int, str]] = []
        self.steps: list[Step] = []
        self.findings: list[Finding] = []
        self._headings: list[Heading] = []
        self._section = ""
        self._heading = ""
        self._fresh = False  # whether the last heading still waits for its fence

    def find(self, line: int, what: str, remedy: str) -> None:
        self.findings.append(Finding(self.file, line, what, remedy))

    def front(self, text: str) -> tuple[_Front, int]:
        """What stands before the Markdown, and how many lines that is."""
        found = _FRONT.match(text)
        if not found:
            return _Front(), 0
        skipped = found[0].count("\n")
        try:
            # A blank line in place of the dashes, so that its lines are the file's.
            front = schema.parse_mapping("\n" + found["yaml"], self.file, _Front)
        except ConfigError as err:
            for broken in of_error(err, "inputs: {NAME: {about: …, pattern: …}}"):
                self.find(broken.line or 1, f"front matter: {broken.what}", broken.remedy)
            return _Front(), skipped
        for name, spec in front.inputs.items():
            try:
                re.compile(spec.pattern)
            except re.error as err:
                self.find(1, f"inputs/{name}/pattern: {err}", "write a regular expression")
            if _SECRET.search(name):
                self.find(1, f"inputs/{name}: a secret is no input", "keep it in the env file")
        return front, skipped

    def body(self, text: str, skipped: int) -> Prose:
        from markdown_it import MarkdownIt

        # Blank lines in place of the front matter keep the line numbers.
        rest = "\n" * skipped + "".join(text.splitlines(keepends=True)[skipped:])
        tokens = MarkdownIt("commonmark").parse(rest)
        for place, token in enumerate(tokens):
            line = token.map[0] + 1 if token.map else 0
            if token.type == "heading_open":
                self._take_heading(token.tag, tokens[place + 1], line)
            elif token.type == "fence":
                self._take_fence(token, line, tokens[place + 1 :])
            elif token.type == "code_block":
                self.find(line, "is an indented code block", "write a fence with its language")
            elif token.type == "html_block":
                self._take_html(token.content, line)
            elif token.type == "inline":
                self._take_inline(token, line)
        return assign(tokens, rest.split("\n"), self._headings, self.steps)

    def _take_heading(self, tag: str, inline: Token, line: int) -> None:
        title = inline.content
        anchor = unique_anchor(title, self.anchors)
        self.anchors.append(anchor)
        if tag == "h1":
            self.title = self.title or title
        elif tag == "h2":
            self._section = anchor
            self.titles[anchor] = title
        if tag != "h1":
            self._headings.append(Heading(line, title, self._section, opens=tag == "h2"))
        self._heading, self._fresh = title, tag not in ("h1", "h2")

    def _take_inline(self, token: Token, line: int) -> None:
        for child in token.children or ():
            if child.type == "link_open":
                self.links.append((line, str(child.attrs["href"])))
            elif child.type == "code_inline":
                self.spans.append((line, child.content))
            elif child.type == "html_inline":
                self._take_html(child.content, line)

    def _take_html(self, text: str, line: int) -> None:
        if not text.startswith("<!--"):
            self.find(line, "is HTML, in which nothing is checked", "write it as Markdown")

    def _take_fence(self, token: Token, line: int, rest: Sequence[Token]) -> None:
        self.texts += enumerate(token.content.splitlines(), start=line + 1)
        found = _INFO.fullmatch(token.info.strip())
        if not found:
            self.find(line, "is a fence without a language", "```sh {name=…} or ```text")
            return
        attributes = self._attributes(found["attributes"], line)
        if found["attributes"] is None:
            if found["language"] in _SHELLS:
                self.find(line, "is a command that is no step", "```sh {name=…}, or ```text")
            return
        if not self._fresh:
            self.find(
                line,
                "is a second command under one heading" if self._heading else "has no heading",
                "give each step a heading of its own: ### …",
            )
        self._fresh = False
        self.steps.append(self._step(attributes, token.content, line, rest, found["language"]))

    def _attributes(self, text: str | None, line: int) -> dict[str, str]:
        found: dict[str, str] = {}
        for word in (text or "").split():
            key, equals, value = word.partition("=")
            if not equals or key not in _KEYS:
                self.find(line, f"{word!r} is no attribute of a step", f"use {', '.join(_KEYS)}")
            elif key in found:
                self.find(line, f"{key} stands twice", "remove one")
            found[key] = value
        return found

    def _step(
        self,
        attributes: Mapping[str, str],
        content: str,
        line: int,
        rest: Sequence[Token],
        language: str,
    ) -> Step:
        name = attributes.get("name", "")
        if not _NAME.fullmatch(name):
            self.find(line, f"the step's name is {name!r}", "name=lower-case-words")
        if any(step.name == name for step in self.steps):
            self.find(line, f"a step {name} stands above already", "give it a name of its own")
        for key, allowed in (
            ("mutates", ("true", "false")),
            ("when", ("failure",)),
            ("task", ("manual",)),
        ):
            if attributes.get(key, allowed[0]) not in allowed:
                self.find(line, f"{key}={attributes[key]}", f"{key} is {' or '.join(allowed)}")
        manual = attributes.get("task") == "manual"
        if language not in _SHELLS and not manual:
            self.find(line, f"is a step in {language!r}", "```sh {…}, or task=manual")
        step = Step(
            name=name,
            title=self._heading,
            line=line,
            section=self._section,
            command=self._command(content, line, manual),
            manual=manual,
            needs=tuple(filter(None, attributes.get("needs", "").split(","))),
            mutates=attributes.get("mutates") == "true",
            timeout=self._timeout(attributes.get("timeout", ""), line),
            on_fail=attributes.get("on-fail", ""),
            on_failure_only="when" in attributes,
        )
        return self._expectations(step, rest)

    def _command(self, content: str, line: int, manual: bool) -> str:
        if manual:
            return content.strip()
        lines = [text.strip() for text in content.splitlines() if text.strip()]
        if len(lines) != 1:
            self.find(line, f"has {len(lines)} commands", "one command in each step")
        return lines[0] if lines else ""

    def _timeout(self, text: str, line: int) -> float:
        if not text:
            return DEFAULT_TIMEOUT
        found = _DURATION.fullmatch(text)
        if not found:
            self.find(line, f"timeout={text}", "a number with s, m or h, such as 600s")
            return DEFAULT_TIMEOUT
        return float(found[1]) * _SECONDS[found[2]]

    def _expectations(self, step: Step, rest: Sequence[Token]) -> Step:
        """The list after `Expect:`, up to the next heading or fence."""
        items = list(_expect_items(rest))
        if not items:
            if not step.manual:
                self.find(
                    step.line,
                    f"step {step.name} does not say what to expect",
                    "Expect: and a list with `exit: 0`",
                )
            return step
        exits: list[int] = []
        json: list[str] = []
        see: list[str] = []
        for line, item, nested in items:
            if nested:
                self.find(line, f"{item!r} stands under an expectation", "one list, not indented")
                continue
            key, colon, value = item.partition(":")
            value = _unquoted(value.strip())
            if key == "exit" and colon:
                exits += self._exits(value, line)
            elif key == "json" and colon and value:
                json.append(value)
            elif key == "see" and colon and value:
                see.append(value)
            else:
                self.find(line, f"{item!r} is no expectation", "- exit: N, - json: …, or - see: …")
        return replace(step, exits=tuple(exits) or (0,), json=tuple(json), see=tuple(see))

    def _exits(self, text: str, line: int) -> list[int]:
        words = [word.strip() for word in text.split(",")]
        if not all(word.isdecimal() and int(word) < 256 for word in words):
            self.find(line, f"exit: {text}", "one or more numbers below 256, with commas")
            return []
        return [int(word) for word in words]


def _unquoted(text: str) -> str:
    """Without the backquotes around the whole of it."""
    whole = len(text) > 1 and text[0] == text[-1] == "`" and "`" not in text[1:-1]
    return text[1:-1] if whole else text


def _expect_items(rest: Sequence[Token]) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether nested) of each item of the list that follows a paragraph `Expect:`.

    Another bullet begins another list in Markdown; to people it is one.
    """
    expecting, depth = False, 0
    for place, token in enumerate(rest):
        if depth == 0 and token.type in ("heading_open", "fence"):
            return
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += bool(depth or (expecting and token.type == "bullet_list_open"))
        elif token.type in ("bullet_list_close", "ordered_list_close") and depth:
            depth -= 1
            if depth == 0 and [t.type for t in rest[place + 1 : place + 2]] != ["bullet_list_open"]:
                return
        elif token.type == "inline" and depth:
            yield (token.map[0] + 1 if token.map else 0), token.content, depth > 1
        elif token.type == "inline" and token.content == "Expect:":
            expecting = True


def unique_anchor(title: str, taken: Sequence[str]) -> str:
    """A heading's anchor as forges make it: lower case, no punctuation, dashes, and then a number.

    Args:
        title: the heading's text.
        taken: the anchors of the headings above.
    """
    plain = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
    anchor, number = plain, 0
    while anchor in taken:
        number += 1
        anchor = f"{plain}-{number}"
    return anchor
