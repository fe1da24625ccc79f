"""Where a command works: the bundle, the state folder, the engine; opened once per command."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from morphops import config
from morphops.bundle import Bundle
from morphops.docker.client import Docker
from morphops.docker.compose import ComposeTarget
from morphops.engine import Observer
from morphops.errors import ConfigError
from morphops.journal import History
from morphops.redact import Redactor
from morphops.registry import Registry
from morphops.state import StateFolder
from morphops.target import Target

BUNDLE = "bundle.yaml"  # its name inside of a release


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a use case needs to know about where it is.

    Attributes:
        bundle: as the working tree has it; a deploy uses the release's own.
        folder: the bundle's folder; its paths are relative to it.
        state: the state folder.
        environ: the process environment.
        observer: is told how things go.
        redact: knows the secrets that were read so far.
        docker: makes bounded clients.
        target: where the stack runs.
    """

    bundle: Bundle
    folder: Path
    state: StateFolder
    environ: Mapping[str, str]
    observer: Observer
    redact: Redactor
    docker: Docker
    target: Target

    @property
    def history(self) -> History:
        """What was done here."""
        return History(self.state.root / "history.jsonl")

    @property
    def registry(self) -> Registry:
        """The registry that the bundle owns."""
        return Registry(self.bundle.registry)

    @property
    def lock(self) -> Path:
        """The lock file, in a state folder that exists."""
        self.state.ensure()
        return self.state.root / "lock"

    def env_file(self, option: str = "") -> Path:
        """The env file: the option, else `MORPHOPS_ENV_FILE`, else what the bundle says."""
        named = option or self.environ.get("MORPHOPS_ENV_FILE", "")
        if named:
            return Path(named).expanduser().absolute()
        default = self.bundle.env.file.replace("{state}", str(self.state.root))
        return self.folder / Path(default).expanduser()


def open_site(observer: Observer, environ: Mapping[str, str] = os.environ) -> Site:
    """Find and read the bundle: `MORPHOPS_BUNDLE`, else ops/bundle.yaml here or above.

    `MORPHOPS_REGISTRY` replaces the bundle's registry (`host[:port]`).

    Raises:
        ConfigError: there is no bundle, or it is wrong.
    """
    path = _find(environ)
    bundle = config.load_bundle(path)
    if environ.get("MORPHOPS_REGISTRY"):
        bundle = dataclasses.replace(bundle, registry=environ["MORPHOPS_REGISTRY"])
    redact = Redactor()
    docker = Docker(redact)
    return Site(
        bundle=bundle,
        folder=path.parent,
        state=StateFolder.of(bundle.project, environ),
        environ=environ,
        observer=observer,
        redact=redact,
        docker=docker,
        target=ComposeTarget(docker, redact),
    )


def _find(environ: Mapping[str, str]) -> Path:
    if environ.get("MORPHOPS_BUNDLE"):
        return Path(environ["MORPHOPS_BUNDLE"]).absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "ops" / BUNDLE).is_file():
            return folder / "ops" / BUNDLE
    raise ConfigError(
        f"there is no ops/{BUNDLE} in {here} or above it",
        hint="run inside of a checkout that has one, or set MORPHOPS_BUNDLE",
    )
