"""The seam: what a place to run a stack on must offer, and the values that cross it.

Nothing above this line of the program says "compose" or "container name". `docker.compose` is the
target for one engine; tests of the pure parts use the fake in `tests/fakes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from morphops.model import Image

Say: TypeAlias = Callable[[str], None]
Health: TypeAlias = Literal["healthy", "starting", "unhealthy", "none"]


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack made ready to be started: files on disk, values and all.

    Attributes:
        project: its name on the target.
        files: what describes it, in order of precedence.
        env_file: the values; holds secrets.
        profiles: the optional parts that are switched on.
    """

    project: str
    files: tuple[Path, ...]
    env_file: Path
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """A published port: `host` is empty for all addresses."""

    host: str
    published: int
    target: int


@dataclass(frozen=True, slots=True)
class Service:
    """One service as the target would start it.

    Attributes:
        name: its name.
        image: the image reference, as text.
        config: digest over everything that makes the target replace it when it changes.
        ports: what it publishes.
        labels: the labels it would be given.
    """

    name: str
    image: str
    config: str
    ports: tuple[Port, ...] = ()
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What an engine calls the image of a container.

    The overlay2 store names the digest of the image's *config*; the containerd store that of its
    *manifest*, or of the index it came from. Unlike kinds are never compared.
    """

    kind: Literal["config", "manifest"]
    digest: str

    def is_of(self, image: Image) -> bool:
        """Whether this is that image of a release."""
        if self.kind == "config":
            return self.digest == image.config
        return self.digest in (image.manifest, image.index)


@dataclass(frozen=True, slots=True)
class Container:
    """One running part of a service, as observed.

    Attributes:
        service: whose it is.
        id: the target's name for it.
        image: what its image is.
        state: `running`, `restarting`, `exited` …
        health: of its health check; `none` where it has none.
        restarts: how often it was started again by itself.
        exit_code: of its last exit.
        ours: whether a release created it.
        release: digest of the release that created it.
        config: digest of the configuration that it was created with.
        health_output: what the last health check printed.
        ports: what it publishes.
    """

    service: str
    id: str
    image: Identity
    state: str
    health: Health
    restarts: int = 0
    exit_code: int = 0
    ours: bool = True
    release: str = ""
    config: str = ""
    health_output: str = ""
    ports: tuple[Port, ...] = ()

    @property
    def ready(self) -> bool:
        """Running, and healthy where there is a check."""
        return self.state == "running" and self.health in ("healthy", "none")


@dataclass(frozen=True, slots=True)
class Running:
    """Everything of a project that is on the target, running or not."""

    containers: tuple[Container, ...] = ()

    def of(self, service: str) -> tuple[Container, ...]:
        """The containers of a service."""
        return tuple(c for c in self.containers if c.service == service)

    @property
    def services(self) -> tuple[str, ...]:
        """The services that have containers, sorted."""
        return tuple(sorted({c.service for c in self.containers}))


class Watch(Protocol):
    """Tells when something happened to a project's containers."""

    def wait(self, timeout: float) -> None:
        """Return when something happened, or after `timeout` seconds."""


class Target(Protocol):
    """A place to run on. Every method may raise EngineUnavailable or EngineCallFailed."""

    def render(self, stack: Stack) -> Mapping[str, Service]:
        """What would be started, by service name; needs no engine.

        Raises:
            ConfigError: the files do not fit together, or a variable is missing.
        """

    def observe(self, project: str) -> Running:
        """What is there now."""

    def pull(self, image: Image, say: Say) -> None:
        """Fetch an image by digest and verify what came."""

    def has(self, image: Image) -> bool:
        """Whether the image is on the target already."""

    def hold(self, image: Image, tag: str) -> None:
        """Tag an image on the target, so that a cleanup by others does not take it."""

    def start(self, stack: Stack, services: Sequence[str]) -> None:
        """Create or replace and start these services, never building or pulling; do not wait."""

    def remove(self, project: str, services: Sequence[str]) -> None:
        """Stop and remove these services."""

    def teardown(self, project: str) -> None:
        """Stop and remove everything of the project but its data."""

    def watch(self, project: str) -> AbstractContextManager[Watch]:
        """Listen to what happens to the project."""

    def fetch(self, container: Container, url: str, timeout: float) -> bytes:
        """GET a URL from inside of a container."""

    def logs(self, container: Container, tail: int) -> tuple[str, ...]:
        """The last lines that it wrote, redacted."""
