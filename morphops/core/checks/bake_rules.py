"""Rules for a bake file: the targets that build the images, as Buildx prints them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from morphops.core.bundle.schema import ImageSpec
from morphops.core.checks import dockerfile, plain_secrets
from morphops.core.checks.bake_file import Bake
from morphops.core.finding import Finding
from morphops.core.release.reference import is_pinned
from morphops.core.rule import Breach, Path, Rule, at, findings
from morphops.core.yaml_text import YamlText

Target: TypeAlias = Mapping[str, Any]

_IMAGE = "docker-image://"
# What Buildx fetches (Buildx, "build context").
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:|(github|gitlab)\.com/|bitbucket\.org/")
_HERE = "cwd://"
_LOCAL = (_IMAGE, "target:", "oci-layout://")  # what Buildx does not fetch as a remote context


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The bundle's images beside what Buildx printed.

    Attributes:
        targets: the names that Buildx printed.
        specs: the bundle's images.
        bake: how messages name the bake file.
    """

    targets: Collection[str]
    specs: Mapping[str, ImageSpec]
    bake: str

    @property
    def built(self) -> Iterator[tuple[str, str]]:
        """Yields image and target of each image that this project builds."""
        return ((name, spec.target) for name, spec in self.specs.items() if spec.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One target, and what its rules look up.

    Attributes:
        target: as Buildx prints it.
        secrets: names of variables that are secret.
        is_folder: whether a folder exists; contexts are relative to one place.
        stages: the stages of its Dockerfile, see `dockerfile.stages`.
    """

    target: Target
    secrets: Collection[str] = ()
    is_folder: Callable[[str], bool] = lambda _: False
    stages: Sequence[str] = ()

    @property
    def context(self) -> str:
        """Where the target builds from."""
        return str(self.target.get("context", "."))

    @property
    def contexts(self) -> Mapping[str, str]:
        """Its named contexts: name → source."""
        return self.target.get("contexts") or {}

    def is_remote(self, context: str) -> bool:
        """Returns whether Buildx fetches a context."""
        return is_remote(context, self.is_folder)


def images(
    targets: Collection[str], specs: Mapping[str, ImageSpec], bake: str, text: YamlText
) -> Iterator[Finding]:
    """Yields the images of a bundle that do not have a target of their own.

    Args:
        targets, specs, bake: see `Images`.
        text: the bundle's own text, for the lines.
    """
    subject = Images(targets=targets, specs=specs, bake=bake)
    return findings(IMAGE_RULES, subject, text.locate)


def check(
    bake: Bake,
    name: str,
    target: Target,
    *,
    secrets: Collection[str],
    is_folder: Callable[[str], bool],
) -> Iterator[Finding]:
    """Yields what is wrong with what a target builds from, and with its arguments.

    Args:
        bake: the bake file.
        name: of the target.
        target, secrets, is_folder: see `Given`.
    """
    given = Given(target=target, secrets=secrets, is_folder=is_folder)
    return _of_target(bake, name, findings(TARGET_RULES, given, bake.locate(name)))


def stage(bake: Bake, name: str, target: Target, text: str) -> Iterator[Finding]:
    """Yields a finding if a target's stage is not in its Dockerfile.

    Args:
        bake, name, target: see `check`.
        text: the Dockerfile.
    """
    stages = dockerfile.stages(dockerfile.instructions(text))
    given = Given(target=target, stages=stages)
    return _of_target(bake, name, findings(STAGE_RULES, given, bake.locate(name)))


def missing_dockerfile(bake: Bake, name: str, path: str) -> Iterator[Finding]:
    """Yields the finding that the file is missing which a target names as its Dockerfile."""
    return _of_target(bake, name, findings(FILE_RULES, path, bake.locate(name)))


def is_remote(context: str, is_folder: Callable[[str], bool]) -> bool:
    """Returns whether Buildx fetches a context."""
    return bool(_REMOTE.match(context)) and not context.startswith(_HERE) and not is_folder(context)


def _of_target(bake: Bake, name: str, found: Iterable[Finding]) -> Iterator[Finding]:
    """Findings with their target's name; a bundle accepts those of the bake file by its name."""
    file = bake.name.rpartition("/")[2]
    for finding in found:
        subjects = (file,) if finding.rule else ()
        yield replace(finding, what=f"target {name}: {finding.what}", subjects=subjects)


def _group(subject: Images) -> Iterator[Breach[Path]]:
    for image, target in subject.built:
        if target not in subject.targets:
            yield at("images", image, "target", target=target, bake=subject.bake)


def _shared_target(subject: Images) -> Iterator[Breach[Path]]:
    first: dict[str, str] = {}
    for image, target in subject.built:
        if target in first and target in subject.targets:
            yield at("images", image, "target", target=target, image=first[target])
        first.setdefault(target, image)


def _remote_context(given: Given) -> Iterator[Breach[str]]:
    if given.is_remote(given.context):
        yield Breach("context", {"host": _host(given.context)})


def _missing_context(given: Given) -> Iterator[Breach[str]]:
    context = given.context
    if not given.is_remote(context) and not given.is_folder(context.removeprefix(_HERE)):
        yield Breach("context", {"folder": context})


def _unpinned_image(given: Given) -> Iterator[Breach[str]]:
    for name, source in given.contexts.items():
        image = source.removeprefix(_IMAGE)
        if source.startswith(_IMAGE) and not is_pinned(image):
            yield Breach("contexts", {"context": name, "image": image})


def _remote_source(given: Given) -> Iterator[Breach[str]]:
    for name, source in given.contexts.items():
        if not source.startswith(_LOCAL) and given.is_remote(source):
            yield Breach("contexts", {"context": name, "host": _host(source)})


def _secret_argument(given: Given) -> Iterator[Breach[str]]:
    for argument, value in (given.target.get("args") or {}).items():
        secret = argument in given.secrets or plain_secrets.takes_secret(argument)
        if secret and plain_secrets.literal(str(value or "")):
            yield Breach("args", {"argument": argument})


def _missing_stage(given: Given) -> Iterator[Breach[str]]:
    wanted, stages = str(given.target.get("target") or ""), given.stages
    by_number = wanted.isdigit() and int(wanted) < len(stages)
    # A stage's name may have a variable in it, whose value is not known here.
    if wanted and wanted.lower() not in stages and not by_number and "$" not in "".join(stages):
        named = ", ".join(filter(None, stages)) or "none has a name"
        yield Breach("target", {"stage": wanted, "stages": named})


def _host(url: str) -> str:
    """The host of a URL, and no more of it: names, paths and queries may hold a token."""
    found = re.match(r"(?:[a-z0-9+.-]+://)?(?:[^/]*@)?([^/:?#]+)", url)
    return found[1] if found else "elsewhere"


IMAGE_RULES: tuple[Rule[Images, Path], ...] = (
    Rule(
        "",
        _group,
        "{target} is a group in {bake}, and builds no image",
        "name one of its targets",
    ),
    Rule(
        "",
        _shared_target,
        "target {target} builds image {image} already",
        "give each image a target of its own, or remove one of them",
    ),
)

TARGET_RULES: tuple[Rule[Given, str], ...] = (
    Rule(
        "",
        _remote_context,
        "builds from {host}, which may be something else tomorrow",
        "build from a folder of this project",
    ),
    Rule("", _missing_context, "its context {folder} is not a folder", "fix its context"),
    Rule(
        "digest",
        _unpinned_image,
        "context {context}: {image} may be another image tomorrow",
        "write docker-image://name:tag@sha256:<64 hex digits>",
    ),
    Rule(
        "",
        _remote_source,
        "context {context} is {host}, which may be something else tomorrow",
        "name a folder of this project, a target, or an image by digest",
    ),
    Rule(
        "secret",
        _secret_argument,
        "the argument {argument} stays in the image's history",
        'pass it by secret = ["id=…"], and RUN --mount=type=secret',
    ),
)

STAGE_RULES: tuple[Rule[Given, str], ...] = (
    Rule(
        "",
        _missing_stage,
        "its Dockerfile has no stage {stage}",
        "name one of its stages: {stages}",
    ),
)

FILE_RULES: tuple[Rule[str, str], ...] = (
    Rule(
        "",
        lambda path: (Breach("dockerfile", {"path": path}),),
        "there is no {path}",
        "fix its context or its dockerfile",
    ),
)
