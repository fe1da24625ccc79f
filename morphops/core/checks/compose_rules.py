"""Findings in the compose files, from what Compose renders and from their own text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from posixpath import normpath, relpath
from typing import Any, TypeAlias

from morphops.core.bundle import beside
from morphops.core.bundle.schema import Bundle
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
        bundle: says what a release carries.
        relative: what the relative paths of the files are; see `working_tree.relative`.
        jobs: the services that end: jobs, and what takes back what they did.
    """

    model: Mapping[str, Any]
    sentinels: Mapping[str, str]
    sources: Sequence[YamlText]
    folder: str
    bundle: Bundle
    relative: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()

    def locate(self, path: Path) -> tuple[str, int]:
        """Returns the file and the line that decide a path, see `place`."""
        return place(self.sources, path)

    def is_inside(self, path: Any) -> bool:
        """Returns whether a path is in the bundle's folder, or is written relative to it."""
        text = str(path or "")
        return text.startswith(f"{self.folder}/") or normpath(text) in self.relative

    def is_left_behind(self, path: Any) -> bool:
        """Returns whether a path is of the working tree, and the bundle does not name it."""
        if not self.is_inside(path):
            return False
        return beside.kind_of(self.bundle.compose, relpath(str(path), self.folder)) is None

    def kind_of(self, mount: Mapping[str, Any]) -> beside.Kind | None:
        """Returns what the bundle says of a mount; None if it is not of the working tree."""
        source = mount.get("source")
        if mount.get("type") != "bind" or not self.is_inside(source):
            return None
        return beside.kind_of(self.bundle.compose, relpath(str(source), self.folder))


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

        released = _as_released(rendered, name, service)
        rules = service_rules.OF_JOBS if name in rendered.jobs else service_rules.RULES
        yield from findings(rules, released, locate, (name,))
        texts = Texts(service, rendered.sentinels)
        yield from findings(compose_secrets.RULES, texts, locate, (name,))
    yield from findings(RULES, rendered, rendered.locate)


# Any digest will do: a release sets it, whatever the files say.
_PINNED = f"released@sha256:{'0' * 64}"
# What is carried is there, and no service can write to it; what is left out is not mounted.
_FIXED = {"read_only": True, "bind": {"create_host_path": False}}


def _as_released(rendered: Rendered, name: str, service: Mapping[str, Any]) -> dict[str, Any]:
    """A service as a release starts it: with its image, and its mounts, as the bundle says."""
    found = dict(service)
    if name in rendered.bundle.pinned:
        found["image"] = _PINNED
        found.pop("build", None)
    if volumes := service.get("volumes"):
        found["volumes"] = [
            {**mount, **_FIXED} if rendered.kind_of(mount) in ("carried", "left out") else mount
            for mount in volumes
        ]
    return found


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
    included = (working_tree.included(source, rendered.bundle) for source in rendered.sources)
    found = (*chain.from_iterable(included), *_mounted(rendered))
    return (at(*path, path="/".join(path)) for path in found)


def _mounted(rendered: Rendered) -> Iterator[Path]:
    for kind in ("configs", "secrets"):
        for name, spec in (rendered.model.get(kind) or {}).items():
            if rendered.is_left_behind(spec.get("file")):
                yield kind, name, "file"
    for name, service in (rendered.model.get("services") or {}).items():
        for number, mount in enumerate(service.get("volumes") or ()):
            if mount.get("type") == "bind" and rendered.is_left_behind(mount.get("source")):
                yield "services", name, "volumes", str(number)


def _carried_secret(rendered: Rendered) -> Broken:
    """Secrets whose files a release would carry."""
    for _, path in working_tree.carried_secrets(rendered.sources, rendered.bundle):
        yield at(*path, name=path[1])


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
    if name != rendered.bundle.project:
        yield at("name", name=name, project=rendered.bundle.project)


RULES: tuple[Rule[Rendered, Path], ...] = (
    Rule(
        "",
        _left_behind,
        "{path} is a file of the working tree, and a release does not carry it",
        "name it in the bundle: compose/carries for content, compose/data for what the machine "
        "has, compose/leaves for what is left out",
    ),
    Rule(
        "",
        _carried_secret,
        "the secret {name} is a file that the release would carry, for all who may read it",
        "name it in compose/data of the bundle, so that it is read from the machine; "
        "or take it from a variable: environment: …",
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
