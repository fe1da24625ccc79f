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
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from morphops.core.finding import Finding
from morphops.core.runbook import expectations, front
from morphops.core.runbook.expectations import Expectations
from morphops.core.runbook.model import DEFAULT_TIMEOUT, Runbook, Step
from morphops.core.runbook.prose import Heading, Prose, assign

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_INFO = re.compile(r"(?P<language>\w+)\s*(?:\{(?P<attributes>[^}]*)\})?\s*")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DURATION = re.compile(r"([1-9][0-9]*)(s|m|h)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SHELLS = ("sh", "bash", "shell", "console", "zsh")
_ALLOWED = {"mutates": ("true", "false"), "when": ("failure",), "task": ("manual",)}
_KEYS = ("name", "needs", "mutates", "timeout", "on-fail", "when", "task")


def parse(text: str, name: str, file: str) -> Runbook:
    """Returns a runbook; its findings say what is wrong with it.

    Args:
        text: Markdown.
        name: file name without `.md`.
        file: how to name it in findings.
    """
    reader = _Reader(file)
    plain = text.removeprefix("\ufeff")
    if plain != text:
        reader.find(1, "begins with a byte order mark", "save it as UTF-8 without BOM")
    read = front.read(plain, file)
    reader.findings += read.findings
    prose = reader.body(plain, read.lines)
    main = read.front.main
    sections = {step.section: reader.titles[step.section] for step in reader.steps}
    if main and main not in sections:
        reader.find(1, f"main: no section {main!r} has steps", "name the anchor of one that has")
    return Runbook(
        name=name,
        file=file,
        digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
        title=reader.title or name,
        inputs=read.front.inputs,
        steps=prose.steps,
        main=main,
        sections=sections,
        intros=prose.intros,
        closings=prose.closings,
        anchors=frozenset(reader.anchors),
        links=tuple(reader.links),
        spans=tuple(reader.spans),
        texts=tuple(reader.texts),
        findings=tuple(reader.findings),
    )


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

    def body(self, text: str, skipped: int) -> Prose:
        from markdown_it import MarkdownIt
        from markdown_it.tree import SyntaxTreeNode

        # Blank lines in place of the front matter keep the line numbers.
        rest = "\n" * skipped + "".join(text.splitlines(keepends=True)[skipped:])
        document = SyntaxTreeNode(MarkdownIt("commonmark").parse(rest))
        for node in document.walk(include_self=False):
            self._take(node)
        return assign(document, rest.split("\n"), self._headings, self.steps)

    def _take(self, node: SyntaxTreeNode) -> None:
        line = self._line(node)
        match node.type:
            case "heading":
                self._take_heading(node.tag, node.children[0].content, line)
            case "fence":
                self._take_fence(node, line)
            case "code_block":
                self.find(line, "is an indented code block", "write a fence with its language")
            case "html_block" | "html_inline":
                if not node.content.startswith("<!--"):
                    self.find(line, "is HTML, which nothing checks", "write it as Markdown")
            case "link":
                self.links.append((line, str(node.attrs["href"])))
            case "code_inline":
                self.spans.append((line, node.content))

    def _line(self, node: SyntaxTreeNode) -> int:
        """The first line of a block; of what stands in a paragraph, that of the paragraph."""
        block: SyntaxTreeNode | None = node
        while block is not None and not block.is_root:
            if block.map:
                return block.map[0] + 1
            block = block.parent
        return 0

    def _take_heading(self, tag: str, title: str, line: int) -> None:
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

    def _take_fence(self, fence: SyntaxTreeNode, line: int) -> None:
        self.texts += enumerate(fence.content.splitlines(), start=line + 1)
        found = _INFO.fullmatch(fence.info.strip())
        if not found:
            self.find(line, "is a fence without a language", "```sh {name=…} or ```text")
            return
        attributes = self._attributes(found["attributes"], line)
        if found["attributes"] is None:
            if found["language"] in _SHELLS:
                self.find(line, "is a command without a step", "```sh {name=…}, or ```text")
            return
        if not self._fresh:
            self.find(
                line,
                "is a second command under one heading" if self._heading else "has no heading",
                "give each step a heading of its own: ### …",
            )
        self._fresh = False
        self._check_step(attributes, line, found["language"])
        self.steps.append(self._step(attributes, fence, line))

    def _attributes(self, text: str | None, line: int) -> dict[str, str]:
        found: dict[str, str] = {}
        for word in (text or "").split():
            key, equals, value = word.partition("=")
            if not equals or key not in _KEYS:
                self.find(
                    line, f"{word!r} is not an attribute of a step", f"use {', '.join(_KEYS)}"
                )
            elif key in found:
                self.find(line, f"{key} stands twice", "remove one")
            found[key] = value
        return found

    def _check_step(self, attributes: Mapping[str, str], line: int, language: str) -> None:
        name = attributes.get("name", "")
        if not _NAME.fullmatch(name):
            self.find(line, f"the step's name is {name!r}", "name=lower-case-words")
        if any(step.name == name for step in self.steps):
            self.find(line, f"a step {name} stands above already", "give it a name of its own")
        for key, allowed in _ALLOWED.items():
            if attributes.get(key, allowed[0]) not in allowed:
                self.find(line, f"{key}={attributes[key]}", f"{key} is {' or '.join(allowed)}")
        if language not in _SHELLS and attributes.get("task") != "manual":
            self.find(line, f"is a step in {language!r}", "```sh {…}, or task=manual")

    def _step(self, attributes: Mapping[str, str], fence: SyntaxTreeNode, line: int) -> Step:
        name, manual = attributes.get("name", ""), attributes.get("task") == "manual"
        expects = self._expectations(fence, line, "" if manual else name)
        return Step(
            name=name,
            title=self._heading,
            line=line,
            section=self._section,
            command=self._command(fence.content, line, manual),
            manual=manual,
            needs=tuple(filter(None, attributes.get("needs", "").split(","))),
            mutates=attributes.get("mutates") == "true",
            timeout=self._timeout(attributes.get("timeout", ""), line),
            on_fail=attributes.get("on-fail", ""),
            on_failure_only="when" in attributes,
            exits=tuple(expects.exits) or (0,),
            json=tuple(expects.json),
            see=tuple(expects.see),
        )

    def _expectations(self, fence: SyntaxTreeNode, line: int, required_of: str) -> Expectations:
        """What a step expects; a manual one may expect nothing."""
        found = expectations.read(fence)
        for fault in found.faults:
            self.find(*fault)
        if not found.items and required_of:
            what = f"step {required_of} does not say what to expect"
            self.find(line, what, "write Expect: and a list with `exit: 0`")
        return found

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
