"""Every seam of the program, on one screen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from morphops.core.history.heads import Head
from morphops.core.lock import Holder
from morphops.core.plan.remedies import Remedies
from morphops.core.release.release import Image
from morphops.core.stack import Instance, LaunchConfig, Port, Running, Service, Stack
from morphops.errors import MorphopsError


class Heads(Protocol):
    """Where a project's head is kept; both may raise EngineUnavailable or EngineCallFailed."""

    def read(self, project: str) -> Head | None:
        """The last head that was written; None where there is none."""

    def latest(self, project: str) -> Head | None:
        """Of all that are still there the one that is furthest on, whatever its fence."""

    def write(self, project: str, head: Head) -> None:
        """Return only when it is kept."""


class StepLog(Protocol):
    """The record of an operation: each step before it is done, and how it came out."""

    def begin(self, step: str, *, touches: bool) -> None:
        """A step is about to be done, which may change containers; raises where it must not be."""

    def end(self, result: Literal["ok", "failed"], took: float) -> None:
        """The step that was begun last came out so, after `took` seconds."""


class Observer(Protocol):
    """Is told how a plan goes."""

    def step(self, number: int, total: int, text: str) -> None:
        """A step begins."""

    def waiting(self, text: str) -> None:
        """A step waits for something."""

    def note(self, text: str) -> None:
        """Something to watch inside of a step."""

    def undoing(self, error: MorphopsError) -> None:
        """A step failed, and the automatic rollback begins."""


Say: TypeAlias = Callable[[str], None]


class Watch(Protocol):
    """Tells when something happened to a project's containers."""

    def wait(self, timeout: float) -> None:
        """Return when something happened, or after `timeout` seconds."""


class Workloads(Protocol):
    """What runs on a platform. Every method may raise EngineUnavailable or EngineCallFailed."""

    def is_reachable(self) -> bool:
        """Whether it answers at all."""

    def render(self, stack: Stack) -> Mapping[str, Service]:
        """What would be started, by service name; needs no engine.

        Raises:
            ConfigError: the files do not fit together, or a variable is missing.
        """

    def marks(self, services: Mapping[str, Service], owners: Mapping[str, str]) -> bytes:
        """The content of one more file of a stack, which marks what is made from it.

        Args:
            services: as they render without it.
            owners: service → digest of the release that its containers are marked with.
        """

    def observe(self, project: str) -> Running:
        """What is there now, of all slots; without what somebody runs once, beside its services."""

    def networks(self, project: str) -> Mapping[str, str]:
        """The networks that are there of a project: name → the `Network.config` that it was given.

        Empty where that is not known.
        """

    def taken(self, ports: Collection[Port]) -> frozenset[tuple[str, int, str]]:
        """Those of some ports that somebody has, us included, as (host, port, protocol).

        Empty where that cannot be told from here: the platform itself says what it refuses.
        """

    def start(self, stack: Stack, services: Sequence[str], slot: str = "") -> None:
        """Create or replace and start these services, never building or pulling; do not wait.

        Args:
            stack: whose.
            services: their names.
            slot: the generation that they belong to; what runs in another one stays.
        """

    def remove(self, project: str, services: Sequence[str], slot: str = "") -> None:
        """Stop and remove these services of one slot."""

    def teardown(self, project: str) -> None:
        """Stop and remove everything of the project but its data."""

    def watch(self, project: str) -> AbstractContextManager[Watch]:
        """Listen to what happens to the project."""

    def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
        """GET a URL from inside of a container; `timeout` in seconds."""

    def published_at(self, container: Instance, port: int) -> str:
        """Where a TCP port of a container is reached from this machine, as `host:port`.

        Args:
            container: as it was observed.
            port: inside of the container.

        Returns:
            empty where the container does not publish it.
        """

    def launch_configs(self, running: Running) -> Mapping[str, LaunchConfig]:
        """How containers were really started, by id."""

    def describe(self, running: Running) -> list[dict[str, Any]]:
        """All that the platform knows of containers, without values of their env."""

    def logs(self, container: Instance, tail: int) -> tuple[str, ...]:
        """The last lines that it wrote, redacted."""


class Images(Protocol):
    """The images of a platform. Methods may raise EngineUnavailable or EngineCallFailed."""

    def platform(self) -> str:
        """What images must be for to run there: `os/architecture[/variant]`."""

    def has_image(self, image: Image) -> bool:
        """Whether the image is there already."""

    def pull_image(self, image: Image, say: Say, *, stalled_after: float) -> None:
        """Fetch an image by digest and verify it; give up after so many silent seconds.

        Raises:
            IntegrityError: it is not the image that the release recorded.
            EngineCallFailed: no registry that the platform asks gives it, or nothing came any more.
        """

    def hold_image(self, image: Image, project: str, release: str) -> None:
        """Name an image after a release that needs it, so that a cleanup by others leaves it."""


class LockGuard(Protocol):
    """Says whether the history may be written, and remembers how far it came."""

    def check(self, *, sure: bool = True) -> None:
        """Raise where we may not write any more.

        Args:
            sure: ask the platform; without this, what was noticed here so far is enough.
        """

    def report_head(self, head: Head) -> None:
        """Remember this; raise where that is not possible."""


class Notes(Protocol):
    """Is told what is waited for."""

    def waiting(self, text: str) -> None:
        """A step waits for something."""

    def note(self, text: str) -> None:
        """Something to watch inside of a step."""


class Held(Protocol):
    """A lock while it is held."""

    holder: Holder

    def alive(self, *, sure: bool = True) -> bool:
        """Whether it is held still. An engine that was restarted has let it go.

        Args:
            sure: ask the engine. Without this it is held for as long as what holds it here has not
                noticed otherwise, and that is soon.
        """

    def reacquire(self) -> None:
        """Take it once more, at once.

        Raises:
            LockHeld: somebody else was faster.
        """


class Lock(Protocol):
    """The locks of a place. Every method may raise EngineUnavailable or EngineCallFailed."""

    def hold(
        self, project: str, holder: Holder, wait: float = 0, inside: str = ""
    ) -> AbstractContextManager[Held]:
        """Take it, and let it go at the end of the block.

        Args:
            project: whose.
            holder: who takes it.
            wait: seconds to wait for somebody else to let it go.
            inside: token of the operation that this process was started by, if any.

        Raises:
            LockHeld: by whom, since when, and why.
        """

    def holder(self, project: str) -> Holder | None:
        """Who holds it; None where nobody does."""

    def steal(self, project: str, holder: Holder) -> None:
        """Take it from that holder, who does not have it any more afterwards."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A place to run stacks on: its parts, and what it can do.

    Attributes:
        workloads: what runs.
        images: what is there to be started.
        lock: keeps operators from each other.
        heads: what is remembered of the history there.
        remedies: the commands that a person types there.
        can: `slots` two generations of a stack can run beside each other.
    """

    workloads: Workloads
    images: Images
    lock: Lock
    heads: Heads
    remedies: Remedies
    can: frozenset[Literal["slots"]] = frozenset()
