"""Where a command works: the bundle, the state folder, the engine; opened once per command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from morphops import agefile, config, envfile, textfile
from morphops.agefile import Keys
from morphops.bundle import Bundle
from morphops.docker.client import Docker
from morphops.docker.compose import ComposeTarget
from morphops.docker.heads import EngineHeads
from morphops.docker.lock import EngineLock
from morphops.engine import Observer
from morphops.envfile import EnvFile
from morphops.errors import ConfigError, InputError
from morphops.head import Heads
from morphops.history import History
from morphops.lock import Lock
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
        lock: keeps operators from each other there.
        heads: what is remembered of the history there.
    """

    bundle: Bundle
    folder: Path
    state: StateFolder
    environ: Mapping[str, str]
    observer: Observer
    redact: Redactor
    docker: Docker
    target: Target
    lock: Lock
    heads: Heads

    @property
    def history(self) -> History:
        """What was done here, to read; `exclusive` has one to write."""
        return History(self.state.root / "history.jsonl")

    @property
    def exported(self) -> Mapping[str, str]:
        """What a shell exports and Compose would prefer to the env file.

        The webhook's URL is nothing that a compose file names, and may come from either.
        """
        notify = self.bundle.notify
        own = {notify.url_from} if notify else set()
        return {name: value for name, value in self.environ.items() if name not in own}

    @property
    def registry(self) -> Registry:
        """The registry that the bundle owns."""
        return Registry(self.bundle.registry, stalled_after=self.bundle.pull.stalled_after)

    def shown(self, path: Path) -> str:
        """A path as findings name it: relative to the project where that is possible."""
        root = self.folder.resolve().parent
        path = path.resolve()
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)

    @property
    def keys(self) -> Keys:
        """What opens encrypted env files here, and for whom they are written."""
        return Keys(agefile.identity_path(self.environ), self.bundle.env.recipients)

    def env_file(self, option: str = "") -> Path:
        """The env file: the option, else `MORPHOPS_ENV_FILE`, else what the bundle says.

        Where it is not there but its encrypted form is (`….age`), that.

        Raises:
            InputError: both are there, and one of them is not what counts.
        """
        named = option or self.environ.get("MORPHOPS_ENV_FILE", "")
        if named:
            path = textfile.path(named).absolute()
        else:
            default = self.bundle.env.file.replace("{state}", str(self.state.root))
            path = self.folder / textfile.path(default)
        sealed = path.with_name(path.name + agefile.SUFFIX)
        if not sealed.exists():
            return path
        if path.exists():
            raise InputError(
                f"{path} and {sealed.name} are both there, and only one can count",
                state="nothing was changed",
                hint="remove the one that is out of date",
            )
        return sealed

    def read_env(self, option: str = "") -> EnvFile:
        """The env file as it was read, with what is wrong with it; see `envfile.scan_file`.

        Raises:
            InputError: it is not there, or cannot be read as one.
        """
        return envfile.scan_file(self.env_file(option), self.keys.decrypt)


def open_site(observer: Observer, environ: Mapping[str, str] = os.environ) -> Site:
    """Find and read the bundle: `MORPHOPS_BUNDLE`, else ops/bundle.yaml here or above.

    `MORPHOPS_REGISTRY` replaces the bundle's registry (`host[:port]`).

    Raises:
        ConfigError: there is no bundle, or it is wrong.
    """
    path = _find(environ)
    bundle = config.load_bundle(path, environ.get("MORPHOPS_REGISTRY", ""))
    redact = Redactor()
    if bundle.notify is not None:
        redact.learn(filter(None, [environ.get(bundle.notify.url_from)]))
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
        lock=EngineLock(docker),
        heads=EngineHeads(docker),
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
