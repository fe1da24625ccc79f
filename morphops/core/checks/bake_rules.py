"""What a bake file says of the targets that the images come from, as Buildx prints it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from morphops.core.bundle.schema import ImageSpec
from morphops.core.checks import dockerfile, plain_secrets
from morphops.core.finding import Finding
from morphops.core.release.reference import is_pinned
from morphops.core.yaml_text import YamlText

Target: TypeAlias = Mapping[str, Any]

_IMAGE = "docker-image://"
# Buildx, "build context": what it fetches by itself.
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:|(github|gitlab)\.com/|bitbucket\.org/")
_HERE = "cwd://"


@dataclass(frozen=True, slots=True)
class Bake:
    """A bake file, in HCL or JSON.

    Attributes:
        name: how messages name it.
        text: what stands in it, for the lines.
    """

    name: str
    text: str

    def line(self, target: str, key: str = "") -> int:
        """The line of a target, or of a key in it where that is found; 0 where nothing is."""
        lines = self.text.splitlines()
        called = re.escape(target)
        opens = re.compile(rf'\s*(target\s+"?{called}"?\s*\{{|"{called}"\s*:)')
        start = next((n for n, line in enumerate(lines) if opens.match(line)), -1)
        if not key or start < 0:
            return start + 1
        names = re.compile(rf'(^|[\s{{,"]){re.escape(key)}"?\s*[=:]')
        for number in range(start, len(lines)):
            if number > start and re.match(r"\s*target\s+[^=\s]", lines[number]):
                break
            if names.search(lines[number]):
                return number + 1
        return start + 1

    def finding(self, target: str, key: str, what: str, remedy: str, rule: str = "") -> Finding:
        """What is wrong with a key of a target."""
        subjects = (self.name.rpartition("/")[2],) if rule else ()
        return Finding(
            self.name, self.line(target, key), f"target {target}: {what}", remedy, rule, subjects
        )

    def of_inline(self, target: str, text: str, finding: Finding) -> Finding:
        """A finding in an inline Dockerfile, at its line in this file."""
        inline = text.splitlines()
        said = inline[finding.line - 1].strip() if 0 < finding.line <= len(inline) else ""
        start = self.line(target)
        after = self.text.splitlines()[start:] if start else []
        found = next((n for n, line in enumerate(after, start + 1) if line.strip() == said), start)
        what = f"target {target}: {finding.what}"
        return replace(finding, line=found if said else start, what=what)


def images(
    targets: Collection[str],
    specs: Mapping[str, ImageSpec],
    bake: str,
    text: YamlText,
) -> Iterator[Finding]:
    """Each image of the bundle has a target, and one of its own.

    Args:
        targets: the names that Buildx printed.
        specs: the bundle's images.
        bake: how messages name the bake file.
        text: the bundle's own text, for the lines.
    """
    built: dict[str, str] = {}
    for name, spec in specs.items():
        if not spec.target:
            continue
        line = text.line("images", name, "target")
        if spec.target not in targets:
            what = f"{spec.target} is a group in {bake}, and builds no image by itself"
            yield Finding(text.name, line, what, "name one of its targets")
        elif spec.target in built:
            what = f"target {spec.target} builds image {built[spec.target]} already"
            remedy = "give each image a target of its own, or leave one of them out"
            yield Finding(text.name, line, what, remedy)
        built.setdefault(spec.target, name)


def check(
    bake: Bake,
    name: str,
    target: Target,
    *,
    secrets: Collection[str],
    there: Callable[[str], bool],
) -> Iterator[Finding]:
    """What is wrong with what one target builds from, and with what it is given.

    Args:
        bake: the bake file.
        name: of the target.
        target: as Buildx prints it.
        secrets: names of variables that are secret.
        there: whether a folder is there; contexts are relative to one place.
    """
    context = str(target.get("context", "."))
    if is_remote(context, there):
        yield bake.finding(
            name,
            "context",
            f"builds from {_shown(context)}, which may be something else tomorrow",
            "build from a folder of this project",
        )
    elif not there(context.removeprefix(_HERE)):
        what = f"its context {context} is no folder that is there"
        yield bake.finding(name, "context", what, "mend its context")
    for called, source in (target.get("contexts") or {}).items():
        if source.startswith(_IMAGE):
            reference = source.removeprefix(_IMAGE)
            if not is_pinned(reference):
                yield bake.finding(
                    name,
                    "contexts",
                    f"context {called}: {reference} may be another image tomorrow",
                    "write docker-image://name:tag@sha256:<64 hex digits>",
                    "digest",
                )
        elif not source.startswith(("target:", "oci-layout://")) and is_remote(source, there):
            yield bake.finding(
                name,
                "contexts",
                f"context {called} is {_shown(source)}, which may be something else tomorrow",
                "name a folder of this project, a target, or an image by digest",
            )
    for argument, value in (target.get("args") or {}).items():
        secret = argument in secrets or plain_secrets.secret_name(argument)
        if secret and plain_secrets.literal(str(value or "")):
            yield bake.finding(
                name,
                "args",
                f"the argument {argument} stays in the image's history",
                'hand it over by secret = ["id=…"], and RUN --mount=type=secret',
                "secret",
            )


def stage(bake: Bake, name: str, target: Target, text: str) -> Iterator[Finding]:
    """The stage that a target builds is in its Dockerfile.

    Args:
        bake, name, target: see `check`.
        text: the Dockerfile.
    """
    wanted = str(target.get("target") or "")
    stages = dockerfile.stages(dockerfile.instructions(text))
    by_number = wanted.isdigit() and int(wanted) < len(stages)
    # A name with a variable in it is not known here.
    if wanted and wanted.lower() not in stages and not by_number and "$" not in "".join(stages):
        named = ", ".join(filter(None, stages)) or "none has a name"
        what = f"its Dockerfile has no stage {wanted}"
        yield bake.finding(name, "target", what, f"name one of its stages: {named}")


def is_remote(context: str, there: Callable[[str], bool]) -> bool:
    """Whether Buildx would fetch a context by itself."""
    return bool(_REMOTE.match(context)) and not context.startswith(_HERE) and not there(context)


def _shown(url: str) -> str:
    """Where a context comes from, and no more of it: names, paths and queries may hold a token."""
    found = re.match(r"(?:[a-z0-9+.-]+://)?(?:[^/]*@)?([^/:?#]+)", url)
    return found[1] if found else "elsewhere"
