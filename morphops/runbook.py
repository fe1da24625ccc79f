"""A runbook: plain Markdown that reads well on a forge, and whose steps can be run.

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
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from morphops import config
from morphops.artifacts.finding import Finding
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
DEFAULT_TIMEOUT = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What the operator must say before a runbook can run.

    Attributes:
        about: what it is.
        pattern: a regular expression that the whole value must match.
        default: used where nothing is said; without one the input is required.
    """

    about: str
    pattern: str = ".+"
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    inputs: Mapping[str, Input] = field(default_factory=dict)
    main: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        name: unique in the runbook.
        title: its heading.
        line: of its fence, from 1.
        section: anchor of the section that it stands in.
        command: the Invoke command with `$inputs`; for a manual step, what to do.
        manual: whether a person does it and signs it off.
        needs: steps that must have passed.
        mutates: whether it changes something.
        timeout: seconds.
        on_fail: the step that is offered when this one fails.
        on_failure_only: whether it runs only where an `on-fail` names it.
        exits: exit codes that are expected.
        json: JMESPath expressions that must be true of the command's `--json`.
        see: what a person should look at.
    """

    name: str
    title: str
    line: int
    section: str
    command: str
    manual: bool = False
    needs: tuple[str, ...] = ()
    mutates: bool = False
    timeout: float = DEFAULT_TIMEOUT
    on_fail: str = ""
    on_failure_only: bool = False
    exits: tuple[int, ...] = (0,)
    json: tuple[str, ...] = ()
    see: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A runbook as it was read.

    Attributes:
        name: file name without `.md`.
        file: how to name it in findings.
        digest: SHA-256 of its bytes, as `sha256:<hex>`.
        title: its first heading.
        inputs: by name.
        steps: in order.
        main: anchor of the section that is run where none is named; empty for none.
        sections: anchor → title of each section that has steps.
        anchors: every heading's anchor, as forges make them.
        links: (line, target) of every link.
        spans: (line, text) of every inline code.
        findings: what is wrong with it, seen alone.
    """

    name: str
    file: str
    digest: str
    title: str
    inputs: Mapping[str, Input]
    steps: tuple[Step, ...]
    main: str
    sections: Mapping[str, str]
    anchors: frozenset[str]
    links: tuple[tuple[int, str], ...]
    spans: tuple[tuple[int, str], ...]
    findings: tuple[Finding, ...]

    def step(self, name: str) -> Step:
        """A step by its name; KeyError where there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def procedure(self, section: str) -> tuple[Step, ...]:
        """The steps of a section that run in order."""
        return tuple(s for s in self.steps if s.section == section and not s.on_failure_only)


def parse(text: str, name: str, file: str) -> Runbook:
    """Read a runbook; what is wrong with it stands in its findings.

    Args:
        text: Markdown.
        name: file name without `.md`.
        file: how to name it in findings.
    """
    reader = _Reader(file)
    front, skipped = reader.front(text)
    reader.body(text, skipped)
    sections = {step.section: reader.titles[step.section] for step in reader.steps}
    if front.main and front.main not in sections:
        reader.find(1, f"main: no section {front.main!r} has steps", "name one's anchor")
    return Runbook(
        name=name,
        file=file,
        digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
        title=reader.title or name,
        inputs=front.inputs,
        steps=tuple(reader.steps),
        main=front.main,
        sections=sections,
        anchors=frozenset(reader.anchors),
        links=tuple(reader.links),
        spans=tuple(reader.spans),
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
        self.steps: list[Step] = []
        self.findings: list[Finding] = []
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
            front = config.parse_mapping(found["yaml"], "front matter", _Front)
        except ConfigError as err:
            for what in err.detail or (err.what,):
                self.find(1, what, "inputs: {NAME: {about: …, pattern: …, default: …}}")
            return _Front(), skipped
        for name, spec in front.inputs.items():
            try:
                re.compile(spec.pattern)
            except re.error as err:
                self.find(1, f"inputs/{name}/pattern: {err}", "write a regular expression")
            if _SECRET.search(name):
                self.find(1, f"inputs/{name}: a secret is no input", "keep it in the env file")
        return front, skipped

    def body(self, text: str, skipped: int) -> None:
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
            elif token.type == "inline":
                self._take_inline(token, line)

    def _take_heading(self, tag: str, inline: Token, line: int) -> None:
        title = inline.content
        anchor = unique_anchor(title, self.anchors)
        self.anchors.append(anchor)
        if tag == "h1":
            self.title = self.title or title
        elif tag == "h2":
            self._section = anchor
            self.titles[anchor] = title
        self._heading, self._fresh = title, tag not in ("h1", "h2")

    def _take_inline(self, token: Token, line: int) -> None:
        for child in token.children or ():
            if child.type == "link_open":
                self.links.append((line, str(child.attrs["href"])))
            elif child.type == "code_inline":
                self.spans.append((line, child.content))

    def _take_fence(self, token: Token, line: int, rest: Sequence[Token]) -> None:
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
        for line, item in items:
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


def _expect_items(rest: Sequence[Token]) -> Any:
    """(line, text) of each item of the list that follows a paragraph `Expect:`."""
    expecting = listed = False
    for token in rest:
        if token.type in ("heading_open", "fence"):
            return
        if token.type == "inline" and token.content == "Expect:":
            expecting = True
        elif token.type == "bullet_list_open":
            listed = expecting
        elif token.type == "bullet_list_close" and listed:
            return
        elif token.type == "inline" and listed:
            yield (token.map[0] + 1 if token.map else 0), token.content


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
