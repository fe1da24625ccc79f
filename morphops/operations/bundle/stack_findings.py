"""Checks the compose files: rendered by Compose, then held against the tables of rules."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from morphops.core.checks import (
    bundle_rules,
    compose_rules,
    digest_rules,
    interpolation,
    sample_values,
    variable_rules,
    working_tree,
)
from morphops.core.checks.interpolation import Use
from morphops.core.env import dotenv
from morphops.core.env.schema import EnvSchema
from morphops.core.finding import Finding
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from morphops.operations.bundle.files import compose_files, yaml_file
from morphops.operations.env.schema import DERIVED, read_schema
from morphops.site import Site

_AT_ONCE = 4


def findings(site: Site, text: YamlText) -> Iterator[Finding]:
    """Yields what is wrong with the compose files, by the rules, the env schema and the bundle.

    Args:
        site: where.
        text: the bundle's own text, for the lines.
    """
    schema_text = _schema_text(site)
    schema = read_schema(site)
    sources = [yaml_file(site, site.folder / name) for name in site.bundle.files()]
    uses = [use for source in sources for use in interpolation.uses(source)]
    uses += [
        Use(name, "", "", text.name, text.line("compose", "values", file), by_name=True)
        for file, names in site.bundle.compose.values.items()
        for name in names
    ]
    for source in (*sources, text):
        yield from digest_rules.check(source.name, source.text)
    # A derived env schema says what the compose files say, so the two cannot differ.
    written = site.bundle.env.schema not in site.texts
    differing = tuple(
        variable_rules.check(uses, site.bundle, schema, schema_text) if written else ()
    )
    yield from differing
    yield from variable_rules.notified(site.bundle, schema, text)
    yield from variable_rules.unformed(sample_values.without_form(schema), schema_text)
    with tempfile.TemporaryDirectory(prefix="morphops-check-") as folder:
        stack = _Stack(site, schema, sources, uses, Path(folder))
        try:
            every = stack.every()
        except ConfigError as err:
            # Compose does not read the files, so any other finding could be wrong.
            yield compose_rules.refusal(err.detail, sources, "with every profile on")
            return
        yield from stack.models_findings(every, text)
        if written:
            yield from stack.missing_findings({(f.file, f.line) for f in differing})


def _schema_text(site: Site) -> YamlText:
    name = site.bundle.env.schema
    if name in site.texts:
        return YamlText(DERIVED, site.texts[name])
    return yaml_file(site, site.folder / name)


class _Stack:
    """The compose files, rendered with every set of profiles."""

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
        wanted = sample_values.forms_by_place(sources)
        self._made_up = sample_values.values(site.bundle, schema, uses, wanted)
        self._ignored = {use.name for use in uses}

    def every(self) -> dict[str, Any]:
        """Renders the files with every profile on.

        Raises:
            ConfigError: it refuses them; its own words are in `detail`.
        """
        return self._model(("*",), self._made_up.values, self._site.bundle.compose.files)

    def models_findings(self, every: Mapping[str, Any], text: YamlText) -> Iterator[Finding]:
        """Yields what is wrong with the rendered files, for every set of profiles."""
        profiles = {name for s in every["services"].values() for name in s.get("profiles") or ()}
        sets = sample_values.profile_sets(tuple(profiles), self._schema)
        relative = working_tree.relative(self._sources, str(self._site.folder))
        services: dict[str, Any] | None = {}
        for chosen, model in zip(sets, self._models(sets), strict=True):
            if isinstance(model, ConfigError):
                doing = f"with {' and '.join(chosen)} on" if chosen else "with no profile on"
                yield compose_rules.refusal(model.detail, self._sources, doing)
                services = None
                continue
            if services is not None:
                services |= model["services"]
            yield from compose_rules.check(
                compose_rules.Rendered(
                    model=model,
                    sentinels=self._made_up.sentinels,
                    sources=self._sources,
                    folder=str(self._site.folder),
                    bundle=self._site.bundle,
                    relative=relative,
                    jobs=bundle_rules.ending(self._site.bundle, every["services"]),
                )
            )
        # Without all of them the bundle's rules would repeat, elsewhere, that something is missing.
        if services is not None:
            yield from bundle_rules.check(self._site.bundle, services, self._uses, text)

    def missing_findings(self, told: set[tuple[str, int]]) -> Iterator[Finding]:
        """Yields the required variables without which Compose renders, or which it does not name.

        Args:
            told: places that have a finding already.
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
                if (use.file, use.line) not in told:
                    yield from variable_rules.unrefused(use, said)

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
        return self._site.compose_files.model(
            compose_files(self._site, files, self._folder),
            env_file=Path(name),
            profiles=profiles,
            environ=self._site.environ,
            ignore=self._ignored,
        )
