"""Every seam of the program, on one screen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from morphops.core.bundle.beside import Place
from morphops.core.history.heads import Head
from morphops.core.history.jobs import JobMark
from morphops.core.host.requirements import HostFacts, Needs
from morphops.core.lock import Holder
from morphops.core.outside import Outside
from morphops.core.plan.remedies import Remedies
from morphops.core.release.release import Image
from morphops.core.requests import BuildRequest, RunRequest
from morphops.core.results.registry import RegistryInfo
from morphops.core.stack import (
    ImageFacts,
    Instance,
    LaunchConfig,
    LocalImage,
    Port,
    Running,
    Service,
    Stack,
)
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

    def begin(self, step: str, *, touches: bool, job: JobMark | None = None) -> None:
        """Announce a step that is about to be done; raise where it must not be.

        Args:
            step: what it is.
            touches: whether it may change containers.
            job: the job that it runs, or takes back.
        """

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

    def moved(self, stack: Stack, place: Callable[[str], Place | None]) -> bytes:
        """The content of one more file of a stack, by which its services are given other files.

        Args:
            stack: without it.
            place: absolute path of what a service mounts → where it lies; None where it stays as it
                is. What is carried is mounted read-only.
        """

    def marks(self, services: Mapping[str, Service], owners: Mapping[str, str]) -> bytes:
        """The content of one more file of a stack, which marks what is made from it.

        Args:
            services: as they render without it.
            owners: service → digest of the release that its containers are marked with.
        """

    def observe(self, project: str) -> Running:
        """What is there now, of all slots; without what was run once, beside its services."""

    def networks(self, project: str) -> Mapping[str, str]:
        """The networks that are there of a project: name → the `Network.config` that it was given.

        Empty where that is not known.
        """

    def taken(self, ports: Collection[Port]) -> frozenset[tuple[str, int, str]]:
        """Those of some ports that are taken, by us included, as (host, port, protocol).

        Empty where that cannot be told from here: the platform itself says what it refuses.
        """

    def outside(self, project: str, services: Mapping[str, Service]) -> Outside:
        """What is wrong with what services need that their stack does not make.

        Args:
            project: whose own containers may have the names.
            services: as they render.
        """

    def start(
        self, stack: Stack, services: Sequence[str], slot: str = "", again: Collection[str] = ()
    ) -> None:
        """Create or replace and start these services, never building or pulling; do not wait.

        Args:
            stack: whose.
            services: their names.
            slot: the generation that they belong to; what runs in another one stays.
            again: of these the ones that are recreated even where nothing of them changed; after
                the others.
        """

    def start_more(self, stack: Stack, service: str, number: int) -> None:
        """Have so many containers of a service; those that are there stay as they are.

        Args:
            stack: whose.
            service: its name.
            number: of its containers, old ones included.
        """

    def remove_containers(self, ids: Sequence[str]) -> None:
        """Stop and remove containers."""

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

    def read_file(self, container: Instance, path: str) -> bytes | None:
        """The content of a file inside of a container; None where there is no such file."""

    def describe(self, running: Running) -> list[dict[str, Any]]:
        """All that the platform knows of containers, without values of their env."""

    def logs(self, container: Instance, tail: int) -> tuple[str, ...]:
        """The last lines that it wrote, redacted."""

    def run_once(self, request: RunRequest) -> tuple[str, ...]:
        """Run a program to its end, and return what it wrote to stdout, line by line.

        Raises:
            EngineCallFailed: it did not end with 0; with its last lines.
        """

    def remove_stopped(self, ids: Sequence[str]) -> None:
        """Remove containers; a container that runs again by now stays."""


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

    def image_facts(self, reference: str, say: Say, *, stalled_after: float) -> ImageFacts:
        """What an image says of itself; it is pulled where it is not here.

        Args:
            reference: `repository@sha256:…`.
            say: told how the pull goes.
            stalled_after: seconds without progress after which the pull is given up.
        """

    def inventory(self) -> tuple[LocalImage, ...]:
        """Every image that has a name, and those without a name that were built here."""

    def remove_references(self, references: Sequence[str]) -> tuple[str, ...]:
        """Remove names of images. An image that has none is gone; an image in use stays.

        Returns:
            the references that could not be removed.
        """

    def disk_use(self) -> Mapping[str, int]:
        """Bytes that `images` and the `build_cache` take, rounded."""


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
            LockHeld: another operator was faster.
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
            wait: seconds to wait for another operator to release it.
            inside: token of the operation that this process was started by, if any.

        Raises:
            LockHeld: by whom, since when, and why.
        """

    def holder(self, project: str) -> Holder | None:
        """Who holds it; None: it is free."""

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


class Builder(Protocol):
    """Builds images. Methods may raise EngineUnavailable or EngineCallFailed."""

    def targets(self, file: Path, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """What a bake file says of some targets, and of those that they need; needs no engine.

        Raises:
            ConfigError: the file is refused.
        """

    def bake(self, request: BuildRequest, say: Say) -> Mapping[str, str]:
        """Build, and push, the targets of a bake file: target → digest.

        Raises:
            InputError: there is no such file or context.
            EngineCallFailed: the build failed; with its last lines.
        """

    def prune_cache(self, older_than_hours: int) -> None:
        """Remove what builds have cached and not used for some hours; of everybody here."""

    def reaches_public_registry(self) -> bool:
        """Whether a public registry answers here; asked once in a run."""

    def trusted_certificates(self) -> Path | None:
        """The certificates that this machine trusts, as one file, if there is one."""


class ComposeFiles(Protocol):
    """Reads Compose files; needs no engine."""

    def check_available(self) -> None:
        """Raise EngineUnavailable where there is nothing that reads them."""

    def model(
        self,
        files: Sequence[Path],
        *,
        env_file: Path,
        profiles: Sequence[str],
        environ: Mapping[str, str],
        ignore: Collection[str] = (),
    ) -> dict[str, Any]:
        """The merged model of some files, in order.

        Args:
            files: in order.
            env_file: the values.
            profiles: those that are on.
            environ: the process environment.
            ignore: names in it that must not decide anything here.

        Raises:
            ConfigError: the files are refused, with the reason.
        """


class Host(Protocol):
    """The machine that a command runs on."""

    def observe(self, needs: Needs) -> HostFacts:
        """Look at the machine. Nothing is changed, and what cannot be seen is left empty."""

    def set_up(self, say: Say) -> Sequence[str]:
        """Install and start what is missing to run a stack, and return what was done.

        Raises:
            PreconditionError: it cannot be done here; nothing or only packages were changed.
            EngineUnavailable: the engine was started and does not answer.
        """


class LocalRegistry(Protocol):
    """A registry on this machine. Methods may raise EngineUnavailable or EngineCallFailed."""

    def start(self, image: Callable[[], str], *, host: str, port: int, name: str) -> RegistryInfo:
        """Start the registry, or find it running.

        Args:
            image: gets its image; called only where a container has to be made.
            host: a loopback address to bind to.
            port: the port there.
            name: of the container and its volume.

        Raises:
            InputError: the address is not loopback.
            PreconditionError: the name or the port is used by something else.
        """

    def stop(self, *, name: str, delete_data: bool) -> RegistryInfo:
        """Stop and remove the registry; its data stays unless told otherwise."""

    def pull(self, reference: str = "") -> str:
        """Pull an image for it; the public one where none is named. Returns the reference."""

    def load(self, tag: str, image_id: str, archive: Iterable[bytes]) -> str:
        """Put an image into the engine without any registry, and return its ID.

        Args:
            tag: its name.
            image_id: nothing is done where the tag has this ID already.
            archive: of the image, as `docker save` writes it.
        """


class Webhook(Protocol):
    """Tells others how an operation ended."""

    def post(self, url: str, body: Mapping[str, Any], *, timeout: float) -> str:
        """Send a JSON object within so many seconds; return why it was not taken, or nothing."""


class Editor(Protocol):
    """The editor of the person at the terminal."""

    def edit(self, text: str, name: str, environ: Mapping[str, str]) -> str:
        """Let the person change a text, and return it.

        Args:
            text: as it is.
            name: of the file, for editors that go by it.
            environ: names the editor.

        Raises:
            InputError: there is no editor, or no terminal.
            PreconditionError: the editor ended with an error.
        """


class Prompt(Protocol):
    """Asks the person at the terminal.

    Attributes:
        again: the command that goes on from here, to which an option is added in what is advised.
    """

    again: str

    @property
    def yes(self) -> bool:
        """Whether every question is answered with yes already."""

    @property
    def signed_off(self) -> Mapping[str, str]:
        """Manual step → who signed it off on the command line."""

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the command line that answer questions, to give them again."""

    @property
    def there(self) -> bool:
        """Whether a person can be asked."""

    def answer(self, question: str) -> str:
        """What the person says; raises InputError where stdin is not a terminal."""

    def confirm(self, question: str, *, changes: bool) -> bool:
        """Whether to go on; raises InputError where stdin is not a terminal."""

    def sign_off(self, step: str, what: str) -> str:
        """Who says that a manual step is done; raises InputError where stdin is not a terminal."""
