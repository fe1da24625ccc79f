"""What runbooks may say beside their steps, as a table of rules. Pure.

The tasks, services, files and headings that a runbook names exist, and no command bypasses the
tasks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from morphops.core.rule import Breach, Rule
from morphops.core.runbook.commands import TaskIndex
from morphops.core.runbook.model import Runbook

Broken: TypeAlias = Iterator[Breach[int]]

_INV = re.compile(r"(?<![\w./-])inv +(?P<task>[a-z][\w.-]*)(?P<more>.*?(?=\binv |$))")
_SERVICE = re.compile(r"--service=([\w.-]+)")
_ENGINES = r"(?:/\S*bin/)?(?:docker(?:-compose)?|podman|nerdctl|kubectl)"
# Inline code that begins with an engine's client, after what may stand before a command.
_RAW = re.compile(
    rf"\s*(?:[$#>%]\s+)?(?:(?:sudo|env|exec|time|nohup)\s+(?:-\S+\s+)*|\w+=\S*\s+)*"
    rf"{_ENGINES}(?![\w.:/-])"
)
# Anywhere, also in a sentence: so the words after it must be a command's.
_VERBS = (
    "apply|attach|cp|create|delete|down|exec|get|inspect|kill|load|logs|ls|prune|ps|pull|push|"
    "restart|rm|rmi|run|save|start|stop|tag|up"
)
_KINDS = "builder|buildx|compose|container|image|manifest|network|system|volume"
_CALL = re.compile(rf"(?<![\w.:-]){_ENGINES}\s+(?:-|(?:(?:{_KINDS})\s+)?(?:{_VERBS})\b)")


@dataclass(frozen=True, slots=True, kw_only=True)
class InProject:
    """A runbook, and what exists that it may name.

    Attributes:
        book: the runbook.
        tasks: that exist.
        files: what links may point at: path relative to the runbooks' folder → its anchors, None
            if they are not known.
        services: of the stack.
    """

    book: Runbook
    tasks: TaskIndex
    files: Mapping[str, frozenset[str] | None]
    services: Collection[str]

    @property
    def mentions(self) -> Iterator[tuple[int, str, str, str]]:
        """Yields each `inv TASK …` beside the steps: line, the whole text, task, the rest."""
        steps = {step.line + 1 for step in self.book.steps if not step.manual}
        for line, text in (*self.book.spans, *self.book.texts):
            for found in _INV.finditer(text) if line not in steps else ():
                yield line, text, found["task"].rstrip(".,;"), found["more"]

    @property
    def local_links(self) -> Iterator[tuple[int, str, str, str]]:
        """Yields each link without a scheme: line, target, file, anchor."""
        for line, target in self.book.links:
            if not re.match(r"[a-z][a-z0-9+.-]*:", target):
                yield line, target, *linked(self.book, target)


def linked(book: Runbook, target: str) -> tuple[str, str]:
    """Returns the file and the anchor that a link names."""
    path, _, anchor = target.partition("#")
    return (_normal(path) if path else f"{book.name}.md"), anchor


def _raw_code(project: InProject) -> Broken:
    for line, text in project.book.spans:
        if _RAW.match(text) or _CALL.search(text):
            yield Breach(line, {"text": text})


def _raw_line(project: InProject) -> Broken:
    for line, text in project.book.texts:
        typed = text.lstrip()[:2] in ("$ ", "# ") and _RAW.match(text)
        if typed or _CALL.search(text):
            yield Breach(line, {"text": text.strip()})


def _unknown_task(project: InProject) -> Broken:
    for line, text, task, _ in project.mentions:
        if not project.tasks.has(task):
            yield Breach(line, {"text": text, "task": task})


def _unknown_flag(project: InProject) -> Broken:
    for line, text, task, more in project.mentions:
        words = [word.strip("`'\".,;:()") for word in more.split()]
        flag = project.tasks.no_flag(task, words) if project.tasks.has(task) else ""
        if flag:
            yield Breach(line, {"text": text, "task": task, "flag": flag})


def _unknown_service(project: InProject) -> Broken:
    """Services that a command names; the value of an input is not known here."""
    book, known = project.book, ", ".join(project.services)
    steps = ((step.line + 1, step.command) for step in book.steps if not step.manual)
    for line, text in sorted({*steps, *book.spans, *book.texts}):
        for name in _SERVICE.findall(text):
            if name not in project.services:
                yield Breach(line, {"service": name, "services": known})


def _broken_link(project: InProject) -> Broken:
    for line, target, name, _ in project.local_links:
        if not target.startswith("#") and name not in project.files:
            yield Breach(line, {"file": target.partition("#")[0]})


def _unknown_anchor(project: InProject) -> Broken:
    for line, target, name, anchor in project.local_links:
        own = target.startswith("#")
        # Without the file, or without its anchors, another rule or another check says so.
        anchors = project.book.anchors if own else project.files.get(name)
        if anchor and anchors is not None and anchor not in anchors:
            yield Breach(line, {"target": target})


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


RULES: tuple[Rule[InProject, int], ...] = (
    Rule("", _raw_code, "`{text}` bypasses the tasks", "name a task instead"),
    Rule("", _raw_line, "{text!r} bypasses the tasks", "name a task instead"),
    Rule("", _unknown_task, "`{text}`: no task {task}", "see inv --list"),
    Rule("", _unknown_flag, "`{text}`: {task} has no {flag}", "see inv --help {task}"),
    Rule(
        "",
        _unknown_service,
        "--service={service}: the bundle has no such service",
        "one of {services}",
    ),
    Rule("", _broken_link, "link to {file}: there is no such file", "fix it"),
    Rule("", _unknown_anchor, "link to {target}: no such heading", "fix the anchor"),
)
