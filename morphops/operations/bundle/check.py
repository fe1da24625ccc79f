"""Use case: check every artifact of the bundle, and say everything that is wrong at once."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from morphops.adapters.base_images import assemble
from morphops.adapters.docker.compose_config import rendered
from morphops.adapters.store import text_file
from morphops.core.bundle import quickstart
from morphops.core.checks import (
    bake_rules,
    bundle_rules,
    compose_rules,
    dockerfile_rules,
    interpolation,
    quickstart_rules,
    sample_values,
    variable_rules,
    waivers,
)
from morphops.core.checks.interpolation import Use
from morphops.core.env import dotenv
from morphops.core.env.schema import EnvSchema
from morphops.core.finding import Finding, of_error
from morphops.core.results.bundle import BundleCheck
from morphops.core.results.check import of_findings
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError, InputError
from morphops.operations import quickstart as operations_quickstart
from morphops.operations.env import template
from morphops.operations.env.schema import read_schema
from morphops.operations.runbook.check import every_finding
from morphops.site import BUNDLE, Site

_AT_ONCE = 4
_AGAIN = "inv bundle.check"


def check(site: Site) -> BundleCheck:
    """Check compose files, Dockerfiles, env schema and templates, the bundle and the runbooks.

    Needs the docker client with Compose and Buildx, and no engine. Exit code 2 with findings.

    Raises:
        EngineUnavailable: there is no docker client, or it has no Compose.
    """
    site.docker.need_compose()
    found = findings(site)
    return BundleCheck(
        state="findings" if found else "ok",
        exit=InputError.EXIT if found else 0,
        findings=of_findings(found),
        next=_AGAIN if found else "",
    )


def findings(site: Site) -> list[Finding]:
    """Every finding, in the order of files and lines."""
    text = _read(site, site.folder / BUNDLE)
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _stack(site, text),
        lambda: _images(site, text),
        lambda: _generated(site),
        lambda: _quickstart(site),
        lambda: _runbooks(site, text),
        lambda: _hooks(site, text),
    )
    found = [finding for part in parts for finding in _collected(part)]
    return sorted(waivers.grouped(waivers.apply(found, site.bundle.accept, text)))


def _stack(site: Site, text: YamlText) -> Iterator[Finding]:
    """The compose files, against the rules, the schema and the bundle."""
    schema_text = _read(site, site.folder / site.bundle.env.schema)
    schema = read_schema(site)
    sources = [_read(site, site.folder / name) for name in site.bundle.files()]
    uses = [use for source in sources for use in interpolation.uses(source)]
    for source in (*sources, text):
        yield from dockerfile_rules.digests(source.name, source.text)
    differing = tuple(variable_rules.check(uses, site.bundle, schema, schema_text))
    yield from differing
    yield from variable_rules.notified(site.bundle, schema, text)
    with tempfile.TemporaryDirectory(prefix="morphops-check-") as folder:
        stack = _Stack(site, schema, sources, uses, Path(folder))
        try:
            every = stack.every()
        except ConfigError as err:
            # Of files that Compose does not read nothing more can be said that would be true.
            yield compose_rules.refusal(err.detail, sources, "with every profile on")
            return
        yield from stack.models_findings(every, text)
        yield from stack.missing_findings({(f.file, f.line) for f in differing})


class _Stack:
    """The compose files rendered in every way that matters."""

    def __init__(
        self,
        site: Site,
        schema: EnvSchema,
        sources: Sequence[YamlText],
        uses: Sequence[Use],
        folder: Path,
    ) -> None:
        self._site = site
        self._schema = schema
        self._sources = sources
        self._uses = uses
        self._folder = folder
        self._made_up = sample_values.values(site.bundle, schema, uses)
        self._ignored = {use.name for use in uses}

    def every(self) -> dict[str, Any]:
        """What Compose makes of the files with every profile on.

        Raises:
            ConfigError: it refuses them; its own words are in `detail`.
        """
        return self._model(("*",), self._made_up.values, self._site.bundle.compose.files)

    def models_findings(self, every: Mapping[str, Any], text: YamlText) -> Iterator[Finding]:
        """What is wrong with what Compose makes of the files, for every set of profiles."""
        profiles = {name for s in every["services"].values() for name in s.get("profiles") or ()}
        sets = sample_values.profile_sets(tuple(profiles), self._schema)
        services: dict[str, Any] | None = {}
        for chosen, model in zip(sets, self._models(sets), strict=True):
            if isinstance(model, ConfigError):
                doing = f"with {' and '.join(chosen)} on" if chosen else "with no profile on"
                yield compose_rules.refusal(model.detail, self._sources, doing)
                services = None
                continue
            if services is not None:
                services |= model["services"]
            yield from compose_rules.services(model, self._sources)
            yield from compose_rules.leaks(model, self._made_up.sentinels, self._sources)
            yield from compose_rules.literals(model, self._made_up.sentinels, self._sources)
            yield from compose_rules.outside(model, self._sources, str(self._site.folder))
            yield from compose_rules.project(model, self._site.bundle.project, self._sources)
        # Without one of them it would only say again, elsewhere, that something is missing.
        if services is not None:
            yield from bundle_rules.check(self._site.bundle, services, self._uses, text)

    def missing_findings(self, told: set[tuple[str, int]]) -> Iterator[Finding]:
        """Required variables without which Compose renders all the same, or says nothing of them.

        Args:
            told: places that a finding names already.
        """
        required = variable_rules.required(self._uses, self._site.bundle, self._schema)
        values = self._made_up.values

        def refusal(name: str) -> str | None:
            rest = {key: value for key, value in values.items() if key != name}
            try:
                self._model(("*",), rest, self._site.bundle.files())
            except ConfigError as err:
                return " ".join(err.detail)
            return None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for use, said in zip(required.values(), pool.map(refusal, required), strict=True):
                if (said is None or use.name not in said) and (use.file, use.line) not in told:
                    how = "renders without it" if said is None else f"says only: {said}"
                    yield Finding(
                        use.file,
                        use.line,
                        f"{use.name} is required, and Compose {how}",
                        f"write ${{{use.name}:?is not set}}",
                    )

    def _models(self, sets: Sequence[tuple[str, ...]]) -> Iterator[dict[str, Any] | ConfigError]:
        def render(profiles: tuple[str, ...]) -> dict[str, Any] | ConfigError:
            files = self._site.bundle.compose_files(profiles)
            try:
                return self._model(profiles, self._made_up.values, files)
            except ConfigError as err:
                return err

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(render, sets)

    def _model(
        self, profiles: Sequence[str], values: Mapping[str, str], files: Sequence[str]
    ) -> dict[str, Any]:
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".env", text=True)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(dotenv.render(values))
        return rendered(
            [self._site.folder / file for file in files],
            env_file=Path(name),
            profiles=profiles,
            environ=self._site.environ,
            ignore=self._ignored,
        )


def _images(site: Site, text: YamlText) -> Iterator[Finding]:
    """The bake file, the Dockerfiles and the recipes of bases."""
    from morphops.adapters.docker.buildx import definition

    spec = site.bundle.build
    if spec is None:
        return
    bases: frozenset[str] | None = None
    if spec.bases:
        path = site.folder / spec.bases
        recipes = assemble.load_recipes(path)
        bases = frozenset(name for image in recipes.images.values() for name in image.replaces)
        yield from dockerfile_rules.replaced(_read(site, path), recipes)
    file = site.folder / spec.file
    if not file.is_file():
        line = text.line("build", "file")
        yield Finding(text.name, line, f"there is no {spec.file}", "mend the path")
        return
    bake = bake_rules.Bake(site.shown(file), text_file.read(file, site.shown(file)))
    yield from dockerfile_rules.digests(bake.name, bake.text)
    images = {i.target: name for name, i in site.bundle.images.items() if i.target}
    try:
        targets = definition(site.docker, file, list(images), {})
    except ConfigError as err:
        yield _bake_refusal(bake.name, err.detail, images, text)
        return
    yield from bake_rules.images(targets, site.bundle.images, bake.name, text)
    for name, target in targets.items():
        # A target that others build upon is no image by itself: who it runs as is theirs to say.
        skipped = () if name in images else ("user", "exec-form")
        for finding in _target(site, bake, name, target, bases):
            if finding.rule not in skipped:
                yield finding


def _target(
    site: Site,
    bake: bake_rules.Bake,
    name: str,
    target: Mapping[str, Any],
    bases: frozenset[str] | None,
) -> Iterator[Finding]:
    """One target of the bake file, and its Dockerfile."""
    assert site.bundle.build is not None  # noqa: S101 - there is no bake file then; tells mypy
    root = site.folder / site.bundle.build.context

    def there(folder: str) -> bool:
        return (root / folder).is_dir()

    schema = read_schema(site)
    secret = {name for name, variable in schema.variables.items() if variable.secret}
    yield from bake_rules.check(bake, name, target, secrets=secret, there=there)
    inline = target.get("dockerfile-inline")
    context = str(target.get("context", "."))
    if inline is not None:
        where, content = bake.name, str(inline)
    elif bake_rules.is_remote(context, there):
        return  # its Dockerfile is there, too
    else:
        dockerfile = (root / context / str(target.get("dockerfile", "Dockerfile"))).resolve()
        where = site.shown(dockerfile)
        if not dockerfile.is_file():
            what = f"there is no {where}"
            yield bake.finding(name, "dockerfile", what, "mend its context or its dockerfile")
            return
        content = text_file.read(dockerfile, where)
        yield from dockerfile_rules.digests(where, content)
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
    """What Buildx said, at the line of the bundle or of the bake file that it speaks of."""
    whole = " ".join(line.strip() for line in said)
    for target, image in images.items():
        if re.search(rf"failed to find target {re.escape(target)}\b", whole):
            line = text.line("images", image, "target")
            return Finding(text.name, line, f"no target {target} in {file}", "mend its name")
    at = re.search(r":(\d+),\d+", whole)
    line = int(at[1]) if at else 0
    return Finding(file, line, f"Buildx refuses it: {whole}", "mend what it says")


def _generated(site: Site) -> Iterator[Finding]:
    """The files that are made from the env schema are as it makes them, and no others are there."""
    made = template.generated(site)
    for path, wanted in made.items():
        there = text_file.read(path, site.shown(path)) if path.is_file() else ""
        if there != wanted:
            lines = zip(there.splitlines(), wanted.splitlines(), strict=False)
            same = next((n for n, (is_, should) in enumerate(lines, 1) if is_ != should), 0)
            line = same or len(there.splitlines()) + 1
            what = "is not what the env schema makes of it" if there else "is not there"
            yield Finding(site.shown(path), line if there else 0, what, "inv env.template")
    folder = (site.folder / site.bundle.env.schema).parent
    for path in sorted(folder.glob("*.env.example")):
        if path not in made:
            what = "the env schema has no such template"
            yield Finding(site.shown(path), 0, what, "remove it, or add it to `templates:`")


def _quickstart(site: Site) -> Iterator[Finding]:
    path = site.folder / quickstart.FILE
    if not path.is_file():
        return
    text = _read(site, path)
    recipe = operations_quickstart.recipe(site)
    yield from quickstart_rules.check(
        recipe,
        read_schema(site),
        text,
        images=site.bundle.images,
        services={name for wave in site.bundle.waves for name in wave.services},
        there=lambda name: (site.folder / name).exists(),
    )


def _runbooks(site: Site, text: YamlText) -> Iterator[Finding]:
    found = every_finding(site)
    if found is None:
        yield Finding(
            text.name,
            text.line("runbooks"),
            f"there are no runbooks in {site.shown(site.folder / site.bundle.runbooks)}",
            "write them: one Markdown file for each, with a step for every task that changes "
            "something",
            waivers.RUNBOOKS,
            (waivers.RUNBOOKS,),
        )
    yield from found or ()


def _hooks(site: Site, text: YamlText) -> Iterator[Finding]:
    for moment, hook in site.bundle.hooks.items():
        if not os.access(site.folder / hook.run, os.X_OK):
            line = text.line("hooks", moment, "run")
            yield Finding(text.name, line, f"{hook.run} cannot be executed", f"chmod +x {hook.run}")


def _collected(part: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A part's findings; a file that cannot be read at all is findings too."""
    try:
        yield from part()
    except ConfigError as err:
        yield from of_error(err, err.hint or "mend what is named")


def _read(site: Site, path: Path) -> YamlText:
    if not path.exists():
        raise ConfigError(
            f"{site.shown(path)}: is not there, and the bundle names it; write it, or mend its path"
        )
    return YamlText(site.shown(path), text_file.read(path, site.shown(path)))
