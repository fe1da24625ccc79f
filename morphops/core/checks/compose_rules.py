"""Findings in the compose files, from what Compose renders and from their own text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import normpath
from typing import Any, TypeAlias

from morphops.core.checks import compose_secrets, service_rules, working_tree
from morphops.core.checks.compose_secrets import Texts
from morphops.core.finding import Finding
from morphops.core.rule import Breach, Path, Rule, at, findings
from morphops.core.yaml_text import YamlText

Broken: TypeAlias = Iterator[Breach[Path]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The compose files as Compose renders them.

    Attributes:
        model: what `docker compose config --format json` printed, with a sentinel as the value of
            each secret.
        sentinels: variable → its sentinel.
        sources: the files that it was rendered from, in order.
        folder: where the bundle is, absolute.
        project: the project's name in the bundle.
        relative: what the relative paths of the files are; see `working_tree.relative`.
        jobs: the services that end: jobs, and what takes back what they did.
    """

    model: Mapping[str, Any]
    sentinels: Mapping[str, str]
    sources: Sequence[YamlText]
    folder: str
    project: str
    relative: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()

    def locate(self, path: Path) -> tuple[str, int]:
        """Returns the file and the line that decide a path, see `place`."""
        return place(self.sources, path)

    def is_inside(self, path: Any) -> bool:
        """Returns whether a path is in the bundle's folder, or is written relative to it."""
        text = str(path or "")
        return text.startswith(f"{self.folder}/") or normpath(text) in self.relative


def place(sources: Sequence[YamlText], path: Path) -> tuple[str, int]:
    """Returns the file and the line that decide a path of the merged model.

    That is the last file with its value, as in Compose; else the first with the most of the path.
    """
    best, line, depth = sources[0].name, 1, -1
    for source in sources:
        found, at_line = source.find(path)
        decides = found == len(path) and not source.keys(*path)
        if found > depth or (found == depth and decides):
            best, line, depth = source.name, at_line, found
    return best, line


def check(rendered: Rendered) -> Iterator[Finding]:
    """Yields what is wrong with the compose files; of services a finding for each of them."""
    for name, service in (rendered.model.get("services") or {}).items():

        def locate(path: Path, name: str = name) -> tuple[str, int]:
            return rendered.locate(("services", name, *path))

        rules = service_rules.OF_JOBS if name in rendered.jobs else service_rules.RULES
        yield from findings(rules, service, locate, (name,))
        texts = Texts(service, rendered.sentinels)
        yield from findings(compose_secrets.RULES, texts, locate, (name,))
    yield from findings(RULES, rendered, rendered.locate)


def refusal(said: Sequence[str], sources: Sequence[YamlText], doing: str) -> Finding:
    """Returns what Compose said when it refused, at the line that it names as far as it does.

    Args:
        said: its last lines.
        sources: the files.
        doing: what was rendered (`with the profile x`).
    """
    text = " ".join(line.strip() for line in said) or "it did not say why"
    named = re.search(r"(services|networks|volumes|configs|secrets)\.([\w.\[\]-]+)", text)
    service = re.search(r'service "([^"]+)"(?: depends on undefined service "([^"]+)")?', text)
    path: Path = ()
    if named:
        path = (named[1], *named[2].replace("[]", "0").rstrip(".").split("."))
    elif service:
        path = ("services", service[1], *(("depends_on", service[2]) if service[2] else ()))
    return Finding(*place(sources, path), f"Compose refuses it {doing}: {text}", "fix it")


def _left_behind(rendered: Rendered) -> Broken:
    """Files of the working tree that the compose files name: a release does not carry them."""
    included = (path for source in rendered.sources for path in working_tree.included(source))
    found = (*included, *_mounted(rendered))
    return (at(*path, path="/".join(path)) for path in found)


def _mounted(rendered: Rendered) -> Iterator[Path]:
    for kind in ("configs", "secrets"):
        for name, spec in (rendered.model.get(kind) or {}).items():
            if rendered.is_inside(spec.get("file")):
                yield kind, name, "file"
    for name, service in (rendered.model.get("services") or {}).items():
        for number, mount in enumerate(service.get("volumes") or ()):
            if mount.get("type") == "bind" and rendered.is_inside(mount.get("source")):
                yield "services", name, "volumes", str(number)


def _copied_into_read_only(rendered: Rendered) -> Broken:
    """Configs and secrets that Compose copies into a container that is read-only."""
    for name, service in (rendered.model.get("services") or {}).items():
        if not service.get("read_only"):
            continue
        for kind in ("configs", "secrets"):
            declared = rendered.model.get(kind) or {}
            for number, given in enumerate(service.get(kind) or ()):
                source = declared.get(given["source"]) or {}
                if source.get("environment") or source.get("content") is not None:
                    what = f"{kind.removesuffix('s')} {given['source']}"
                    yield at("services", name, kind, str(number), service=name, what=what)


def _other_project(rendered: Rendered) -> Broken:
    name = rendered.model.get("name")
    if name != rendered.project:
        yield at("name", name=name, project=rendered.project)


RULES: tuple[Rule[Rendered, Path], ...] = (
    Rule(
        "",
        _left_behind,
        "{path} is a file of the working tree, and a release does not carry it",
        "put it into an image, write it here, or name a path of the host by a variable",
    ),
    Rule(
        "",
        _copied_into_read_only,
        "{service}: Compose copies the {what} into the container, and read_only: true refuses that",
        "name a file of the host by a variable (file: ${{…}}), or pass the variable in the "
        "environment; or, for this service, accept read-only and remove read_only: true",
    ),
    Rule(
        "",
        _other_project,
        "the project is {name!r} here and {project!r} in the bundle, so plain Compose would start "
        "a second stack",
        "write name: {project}",
    ),
)
