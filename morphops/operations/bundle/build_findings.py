"""Checks what images are built from: the bake file, Dockerfiles and recipes of base images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from morphops.adapters.base_images import assemble
from morphops.adapters.store import text_file
from morphops.core.checks import bake_rules, digest_rules, dockerfile_rules
from morphops.core.checks.bake_file import Bake
from morphops.core.finding import Finding
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from morphops.operations.bundle.files import yaml_file
from morphops.operations.env.schema import read_schema
from morphops.site import Site


def findings(site: Site, text: YamlText) -> Iterator[Finding]:
    """Yields what is wrong with the bake file, the Dockerfiles and the recipes of base images.

    Args:
        site: where.
        text: the bundle's own text, for the lines.
    """
    spec = site.bundle.build
    if spec is None:
        return
    bases: frozenset[str] | None = None
    if spec.bases:
        path = site.folder / spec.bases
        recipes = assemble.load_recipes(path)
        bases = frozenset(name for image in recipes.images.values() for name in image.replaces)
        yield from digest_rules.replaced(yaml_file(site, path), recipes)
    file = site.folder / spec.file
    if not file.is_file():
        line = text.line("build", "file")
        yield Finding(text.name, line, f"there is no {spec.file}", "fix the path")
        return
    bake = Bake(site.shown(file), text_file.read(file, site.shown(file)))
    yield from digest_rules.check(bake.name, bake.text)
    images = {i.target: name for name, i in site.bundle.images.items() if i.target}
    try:
        targets = site.builder.targets(file, list(images))
    except ConfigError as err:
        yield _bake_refusal(bake.name, err.detail, images, text)
        return
    yield from bake_rules.images(targets, site.bundle.images, bake.name, text)
    for name, target in targets.items():
        # A target that others build upon is not an image: its user and command are theirs.
        skipped = () if name in images else ("user", "exec-form")
        for finding in _target(site, bake, name, target, bases):
            if finding.rule not in skipped:
                yield finding


def _target(
    site: Site,
    bake: Bake,
    name: str,
    target: Mapping[str, Any],
    bases: frozenset[str] | None,
) -> Iterator[Finding]:
    """Yields what is wrong with a target of the bake file and its Dockerfile."""
    assert site.bundle.build is not None  # noqa: S101 - a target needs a bake file; tells mypy
    root = site.folder / site.bundle.build.context

    def is_folder(folder: str) -> bool:
        return (root / folder).is_dir()

    schema = read_schema(site)
    secret = {name for name, variable in schema.variables.items() if variable.secret}
    yield from bake_rules.check(bake, name, target, secrets=secret, is_folder=is_folder)
    inline = target.get("dockerfile-inline")
    context = str(target.get("context", "."))
    if inline is not None:
        where, content = bake.name, str(inline)
    elif bake_rules.is_remote(context, is_folder):
        return  # its Dockerfile is remote, too
    else:
        dockerfile = (root / context / str(target.get("dockerfile", "Dockerfile"))).resolve()
        where = site.shown(dockerfile)
        if not dockerfile.is_file():
            yield from bake_rules.missing_dockerfile(bake, name, where)
            return
        content = text_file.read(dockerfile, where)
        yield from digest_rules.check(where, content)
    yield from bake_rules.stage(bake, name, target, content)
    found = dockerfile_rules.check(
        where,
        content,
        secrets=secret,
        bases=bases,
        args={key: str(value) for key, value in (target.get("args") or {}).items()},
        contexts=tuple(target.get("contexts") or ()),
        target=str(target.get("target") or ""),
    )
    for finding in found:
        yield finding if inline is None else bake.of_inline(name, content, finding)


def _bake_refusal(
    file: str, said: Sequence[str], images: Mapping[str, str], text: YamlText
) -> Finding:
    """Returns what Buildx said, at the line of the bundle or of the bake file that it names."""
    whole = " ".join(line.strip() for line in said)
    for target, image in images.items():
        if re.search(rf"failed to find target {re.escape(target)}\b", whole):
            line = text.line("images", image, "target")
            return Finding(text.name, line, f"no target {target} in {file}", "fix its name")
    at = re.search(r":(\d+),\d+", whole)
    line = int(at[1]) if at else 0
    return Finding(file, line, f"Buildx refuses it: {whole}", "fix it")
