"""The `build:` sections of the compose files, as a bake file: built as Compose would build them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from morphops.adapters.store.files import write_whole
from morphops.core.checks import interpolation, sample_values
from morphops.core.env import dotenv
from morphops.core.yaml_text import YamlText
from morphops.errors import InputError
from morphops.operations.bundle.files import compose_files, yaml_file
from morphops.operations.env.schema import read_schema
from morphops.site import Site


@contextmanager
def bake_file(site: Site, services: Iterable[str]) -> Iterator[Path]:
    """A file with the `build:` sections of some services, which bake reads; gone afterwards.

    Compose puts the values in: those of the env file, where there is one.

    Args:
        site: where.
        services: whose images are built.

    Raises:
        ConfigError: Compose refuses the files.
        InputError: a service has no `build:`, or a variable of one has no value.
    """
    sources = [yaml_file(site, site.folder / name) for name in site.bundle.files()]
    with tempfile.TemporaryDirectory(prefix="morphops-build-") as name:
        folder = Path(name)
        env = folder / "values.env"
        write_whole(env, dotenv.render(_values(site, sources)).encode())
        model = site.compose_files.model(
            compose_files(site, site.bundle.files(), folder),
            env_file=env,
            profiles=("*",),
            environ=os.environ,
            ignore={use.name for source in sources for use in interpolation.uses(source)},
        )
        path = folder / "compose.yaml"
        write_whole(path, json.dumps(_only_builds(model, services)).encode())
        yield path


def _only_builds(model: Mapping[str, Any], services: Iterable[str]) -> dict[str, Any]:
    """The rendered services with nothing but what they are built from: values stand in the rest."""
    found = {}
    for name in services:
        spec = (model.get("services") or {}).get(name) or {}
        if not spec.get("build"):
            raise InputError(
                f"{name} has no build: section in the compose files, and the bundle builds it",
                state="nothing was built",
                hint="write it; or name a bake file in the bundle: build: {file: …}",
            )
        found[name] = {"build": spec["build"]}
    used = {
        given["source"] if isinstance(given, Mapping) else str(given)
        for spec in found.values()
        for given in spec["build"].get("secrets") or ()
    }
    secrets = {key: spec for key, spec in (model.get("secrets") or {}).items() if key in used}
    return {"services": found, **({"secrets": secrets} if secrets else {})}


def _values(site: Site, sources: Iterable[YamlText]) -> dict[str, str]:
    """The values of the env file; made-up ones stand where nothing is built from them."""
    sources = list(sources)
    uses = [use for source in sources for use in interpolation.uses(source)]
    made_up = sample_values.values(site.bundle, read_schema(site), uses).values
    given: Mapping[str, str] = {}
    path = site.env_file()
    if path.exists():
        env = site.read_env()
        site.redact.learn(read_schema(site).secrets(env.values))
        given = env.values
    missing = sorted(_of_builds(sources) & made_up.keys() - given.keys())
    if missing:
        raise InputError(
            f"{', '.join(missing)}: a build: section uses it, and it has no value",
            state="nothing was built",
            hint=f"set it in {site.shown(path)}",
        )
    return {**made_up, **given}


def _of_builds(sources: Iterable[YamlText]) -> set[str]:
    """The variables that `build:` sections use."""
    return {
        variable
        for source in sources
        for path, scalar in source.values()
        if path[:1] == ("services",) and path[2:3] == ("build",)
        for variable, _, _ in interpolation.variables(scalar.value)
    }
