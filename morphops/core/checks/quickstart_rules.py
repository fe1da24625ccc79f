"""Rules for the quickstart: it fits the env schema, the images and the working tree. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from morphops.core.bundle.quickstart import Quickstart
from morphops.core.env.schema import EnvSchema
from morphops.core.finding import Finding
from morphops.core.nearest import did_you_mean
from morphops.core.rule import Breach, Path, Rule, at, findings
from morphops.core.yaml_text import YamlText

Broken: TypeAlias = Iterator[Breach[Path]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A quickstart and what it must fit.

    Attributes:
        recipe: the quickstart.
        schema: whose variables its values are.
        images, services: of the bundle.
        exists: whether a path below the bundle's folder exists.
    """

    recipe: Quickstart
    schema: EnvSchema
    images: Collection[str]
    services: Collection[str]
    exists: Callable[[str], bool]


def check(project: Project, text: YamlText) -> Iterator[Finding]:
    """Yields what is wrong with a quickstart.

    Args:
        project: the quickstart and what it must fit.
        text: the quickstart's own text, for the lines.
    """
    return findings(RULES, project, text.locate)


def _unknown_variable(project: Project) -> Broken:
    known = project.schema.variables
    for name in project.recipe.env:
        if name not in known:
            yield at("env", name, variable=name, advice=did_you_mean(name, known, "remove it"))


def _malformed_value(project: Project) -> Broken:
    for name, value in project.recipe.env.items():
        spec = project.schema.variables.get(name)
        pattern = spec.pattern if spec else ""
        if pattern and not re.fullmatch(pattern, value.replace("{state}", "/state")):
            yield at("env", name, variable=name, pattern=pattern)


def _missing_value(project: Project) -> Broken:
    for name, spec in project.schema.variables.items():
        given = spec.generate or spec.same_as or name in project.recipe.env
        if spec.required and not given:
            yield at("env", variable=name)


def _unknown_image(project: Project) -> Broken:
    for number, item in enumerate(project.recipe.prepare):
        if item.image not in project.images:
            known = ", ".join(project.images)
            yield at("prepare", str(number), "image", image=item.image, images=known)


def _missing_folder(project: Project) -> Broken:
    for number, item in enumerate(project.recipe.prepare):
        for folder in item.reads:
            if not project.exists(folder):
                yield at("prepare", str(number), "reads", folder=folder)


def _unknown_service(project: Project) -> Broken:
    service = project.recipe.ask.service
    if service not in project.services:
        yield at("ask", "service", service=service)


def _missing_document(project: Project) -> Broken:
    document = project.recipe.ask.document
    if not project.exists(document):
        yield at("ask", "document", document=document)


RULES: tuple[Rule[Project, Path], ...] = (
    Rule("", _unknown_variable, "{variable} is not in the env schema", "{advice}"),
    Rule(
        "",
        _malformed_value,
        "{variable} does not match its pattern",
        "write what matches {pattern}",
    ),
    Rule("", _missing_value, "{variable} is required, and has no value here", "{variable}: …"),
    Rule("", _unknown_image, "no image {image!r}", "one of {images}"),
    Rule("", _missing_folder, "there is no {folder} to read", "fix the path"),
    Rule("", _unknown_service, "{service!r} is in no wave", "name a service of a wave"),
    Rule("", _missing_document, "there is no {document}", "fix the path"),
)
