"""Where a command works: the bundle, the state folder, the engine; opened once per command."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from morphops.adapters import age, webhook
from morphops.adapters.age import Keys
from morphops.adapters.docker.buildx import Buildx
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.compose_config import ComposeFileReader
from morphops.adapters.docker.local_registry import EngineRegistry
from morphops.adapters.docker.platform import compose_platform
from morphops.adapters.host.machine import Machine
from morphops.adapters.registry.registry import Registry
from morphops.adapters.store import text_file, working_bundle
from morphops.adapters.store.env_file import scan_file
from morphops.adapters.store.history_file import HistoryReader
from morphops.adapters.store.release_layout import read_layout
from morphops.adapters.store.state_folder import StateFolder
from morphops.adapters.store.working_bundle import OPS, WorkingBundle
from morphops.adapters.terminal import editor, prompt
from morphops.core.bundle.derive.complete import Completed
from morphops.core.bundle.parse import parse_bundle
from morphops.core.bundle.schema import Bundle
from morphops.core.bundle.validate import hook_findings, registry_findings
from morphops.core.env import encryption
from morphops.core.env.dotenv import EnvFile
from morphops.core.history import operations
from morphops.core.probes.sample import is_seed
from morphops.core.redact import Redactor
from morphops.core.release.reference import registry_fault
from morphops.core.schema import refusal
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError, InputError, MorphopsError
from morphops.interfaces import (
    Builder,
    ComposeFiles,
    Editor,
    Host,
    LocalRegistry,
    Observer,
    Platform,
    Prompt,
    Webhook,
)
from morphops.settings import Settings


def load_bundle(path: Path, registry: str = "") -> Bundle:
    """Read a bundle file of the working tree.

    Here the names in a registry are held to their grammar. `parse_bundle` leaves them alone: it
    reads kept releases too, and an automatic rollback asks no registry.

    Args:
        path: of the file.
        registry: what `MORPHOPS_REGISTRY` says; it replaces the file's.

    Raises:
        ConfigError: it is not there, is no YAML, or does not fit.
    """
    return _load(path, registry).bundle


def _load(path: Path, registry: str) -> WorkingBundle:
    if not path.exists():
        raise ConfigError(
            f"{path}: there is no such bundle",
            hint="set MORPHOPS_BUNDLE, or run inside of a checkout that has ops/bundle.yaml",
        )
    if registry and (fault := registry_fault(registry)):
        # It is not repeated: the text may hold a password into it.
        raise ConfigError(f"MORPHOPS_REGISTRY: {fault}", hint="MORPHOPS_REGISTRY=127.0.0.1:5000")
    try:
        working = working_bundle.read(path)
        bundle = working.bundle
        if registry:
            bundle = dataclasses.replace(bundle, registry=registry)
        if findings := [*registry_findings(bundle), *hook_findings(bundle)]:
            raise refusal(YamlText(str(path), text_file.read(path)), findings)
        return dataclasses.replace(working, bundle=bundle)
    except ConfigError as err:
        hint = err.hint or "fix what is named, then inv bundle.check"
        raise ConfigError(err.what, detail=err.detail, hint=hint) from None


BUNDLE = "bundle.yaml"  # its name inside of a release


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a use case needs to know about where it is.

    Attributes:
        bundle: as the working tree has it; a deploy uses the release's own.
        folder: the bundle's folder; its paths are relative to it.
        state: the state folder.
        history: what was done here, to read; `exclusive` has one to write.
        environ: the process environment.
        settings: what it says of us.
        observer: is told how things go.
        redact: knows the secrets that were read so far.
        platform: where the stack runs.
        builder: builds images.
        compose_files: reads Compose files.
        host: this machine.
        local_registry: a registry on this machine.
        webhook: tells others how an operation ended.
        editor: of the person at the terminal.
        completed: how the bundle was completed; None where the person wrote all of it.
        texts: what is derived in place of files: the complete bundle, the env schema.
        seed: decides which questions are asked; empty for new ones.
    """

    bundle: Bundle
    folder: Path
    state: StateFolder
    history: HistoryReader
    environ: Mapping[str, str]
    settings: Settings
    observer: Observer
    redact: Redactor
    platform: Platform
    builder: Builder
    compose_files: ComposeFiles
    host: Host
    local_registry: LocalRegistry
    webhook: Webhook
    editor: Editor
    completed: Completed | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    seed: str = ""

    def asking(self, seed: str) -> Site:
        """A copy that asks the questions of a seed.

        Raises:
            InputError: it is none.
        """
        if seed and not is_seed(seed):
            raise InputError(
                f"--seed={seed} is not a seed",
                state="nothing was changed",
                hint="copy it from inv history --json, or leave it out",
            )
        return dataclasses.replace(self, seed=seed)

    def on(self, **parts: Any) -> Site:
        """A copy with other parts of the platform (`workloads`, `images`, `lock`, `heads`)."""
        return dataclasses.replace(self, platform=dataclasses.replace(self.platform, **parts))

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
        return self.registry_at(self.bundle.registry)

    def registry_at(self, host: str) -> Registry:
        """A registry by its address (`host[:port]`)."""
        return Registry(host, stalled_after=self.bundle.pull.stalled_after)

    def prompt(self, *, yes: bool, signed_off: Mapping[str, str]) -> Prompt:
        """Who asks the person at the terminal.

        Args:
            yes: every question is answered with yes already.
            signed_off: manual step → who signed it off on the command line.
        """
        return prompt.Prompt(yes=yes, signed_off=signed_off)

    def shown(self, path: Path) -> str:
        """A path as findings name it: relative to the project where that is possible."""
        own = self.folder.resolve()
        # Beside the compose files the bundle's folder is the project's.
        root = own if self.completed and own.name != OPS else own.parent
        path = path.resolve()
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)

    @property
    def keys(self) -> Keys:
        """What opens encrypted env files here, and for whom they are written."""
        return Keys(
            age.identity_path(self.settings.age_identity, self.environ), self.bundle.env.recipients
        )

    def env_file(self, option: str = "") -> Path:
        """The env file: the option, else `MORPHOPS_ENV_FILE`, else what the bundle says.

        Where it is not there but its encrypted form is (`….age`), that.

        Raises:
            InputError: both are there, and one of them is not what counts.
        """
        named = option or self.settings.env_file
        if named:
            path = text_file.path(named).absolute()
        else:
            default = self.bundle.env.file.replace("{state}", str(self.state.root))
            path = self.folder / text_file.path(default)
        sealed = path.with_name(path.name + encryption.SUFFIX)
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
        return scan_file(self.env_file(option), self.keys.decrypt)


def open_site(
    observer: Observer, environ: Mapping[str, str] = os.environ, *, of_record: bool = False
) -> Site:
    """Find and read the bundle: `MORPHOPS_BUNDLE`, else ops/bundle.yaml or bundle.yaml, here or
    above.

    `MORPHOPS_REGISTRY` replaces the bundle's registry (`host[:port]`).

    Args:
        observer: is told how things go.
        environ: the process environment.
        of_record: whether the bundle of the release of record will do where that of the working
            tree is wrong. For what goes by that release, and may be needed in an incident.

    Raises:
        ConfigError: there is no bundle, or it is wrong.
    """
    settings = Settings.of(environ)
    path = _need_bundle(settings)
    try:
        working = _load(path, settings.registry)
    except ConfigError as err:
        kept = _bundle_of_record(path, settings, environ) if of_record else None
        if kept is None:
            raise
        observer.note(f"{err.what}; the bundle of the release of record is used instead")
        working = WorkingBundle(kept)
    bundle = working.bundle
    redact = Redactor()
    if bundle.notify is not None:
        redact.learn(filter(None, [environ.get(bundle.notify.url_from)]))
    docker = Docker(redact)
    state = StateFolder.of(bundle.project, settings.state, environ)
    return Site(
        bundle=bundle,
        folder=path.parent,
        state=state,
        history=HistoryReader(state.root / "history.jsonl"),
        environ=environ,
        settings=settings,
        observer=observer,
        redact=redact,
        platform=compose_platform(docker, redact),
        builder=Buildx(docker, redact),
        compose_files=ComposeFileReader(docker),
        host=Machine(docker),
        local_registry=EngineRegistry(docker),
        webhook=webhook,
        editor=editor,
        completed=working.completed,
        texts=working.texts,
    )


def _bundle_of_record(path: Path, settings: Settings, environ: Mapping[str, str]) -> Bundle | None:
    """The bundle of the release of record, or of the operation that is incomplete without one.

    Args:
        path: of the bundle that cannot be read; only its project is looked for.
        settings, environ: see `open_site`.
    """
    try:
        named = _PROJECT.search(text_file.read(path))
        if named is None:
            return None
        state = StateFolder.of(named[1], settings.state, environ)
        records = HistoryReader(state.root / "history.jsonl").records()
        record = operations.deployment_of_record(records) or operations.incomplete_operation(
            records
        )
        if record is None or not record.release:
            return None
        release = read_layout(state.release(record.release), record.release)
        bundle = parse_bundle(release.files[BUNDLE].decode(), f"release {release.short}: {BUNDLE}")
    except (MorphopsError, OSError, KeyError, UnicodeDecodeError):
        return None
    if bundle.project != named[1]:
        return None
    registry = settings.registry or bundle.registry
    return dataclasses.replace(bundle, registry=registry)


_PROJECT = re.compile(r"^project:[ \t]*[\"']?([a-z0-9][a-z0-9_-]*)[\"']?[ \t]*(?:#.*)?$", re.M)


def find_bundle(settings: Settings, here: Path) -> Path | None:
    """Where the bundle is: `MORPHOPS_BUNDLE`, else ops/bundle.yaml or bundle.yaml, here or above.

    Args:
        settings: what the environment says.
        here: where the person stands.
    """
    if settings.bundle:
        return Path(settings.bundle).absolute()
    for folder in (here, *here.parents):
        if (folder / OPS / BUNDLE).is_file():
            return folder / OPS / BUNDLE
        if _is_bundle(folder / BUNDLE):
            return folder / BUNDLE
    return None


def _need_bundle(settings: Settings) -> Path:
    here = Path.cwd()
    if (path := find_bundle(settings, here)) is not None:
        return path
    raise ConfigError(
        f"there is no {OPS}/{BUNDLE} or {BUNDLE} in {here} or above it",
        hint=f"inv bundle.init   (writes {BUNDLE} beside a compose file), or run inside of a "
        "checkout that has one, or set MORPHOPS_BUNDLE",
    )


def _is_bundle(path: Path) -> bool:
    """Whether a file beside compose files is a bundle: other tools know a bundle.yaml, too."""
    try:
        return path.is_file() and _PROJECT.search(path.read_text(errors="replace")) is not None
    except OSError:
        return False
