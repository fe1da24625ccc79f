"""A platform's workloads and images without an engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from morphops.core.bundle.beside import Place
from morphops.core.outside import AS_NEEDED, Outside
from morphops.core.release.digest import canonical_json
from morphops.core.release.reference import hold_tag
from morphops.core.release.release import Image
from morphops.core.requests import RunRequest
from morphops.core.stack import (
    Identity,
    ImageFacts,
    Instance,
    LaunchConfig,
    LocalImage,
    Port,
    Running,
    Service,
    Stack,
)
from morphops.errors import EngineCallFailed
from morphops.interfaces import Say


class QuietWatch:
    """A watch to whose waits something always happens at once."""

    def wait(self, timeout: float) -> None:
        return


@dataclass
class FakeTarget:
    """A `Workloads` and an `Images` in memory.

    Attributes:
        stacks: env file of a stack → its services; what `render` answers.
        images: every image of any release, so that a container knows its identity.
        sick: images whose containers never become healthy.
        calls: what was done, in order.
        on: call → what happens when it is made, for failures and signals.
        away: how often it does not answer when it is asked whether it is there.
        busy: the ports that somebody has, as (host, port, protocol).
    """

    stacks: dict[str, Mapping[str, Service]]
    images: tuple[Image, ...] = ()
    sick: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    on: dict[str, Callable[[], None]] = field(default_factory=dict)
    containers: dict[str, Instance] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    away: int = 0
    busy: frozenset[tuple[str, int, str]] = frozenset()

    def _call(self, text: str) -> None:
        self.calls.append(text)
        if text in self.on:
            self.on[text]()

    def is_reachable(self) -> bool:
        there, self.away = not self.away, max(0, self.away - 1)
        return there

    def platform(self) -> str:
        return "linux/amd64"

    def render(self, stack: Stack) -> Mapping[str, Service]:
        return self.stacks[str(stack.env_file)]

    def moved(self, stack: Stack, place: Callable[[str], Place | None]) -> bytes:
        return b"{}"

    def observe(self, project: str) -> Running:
        return Running(tuple(self.containers[name] for name in sorted(self.containers)))

    def networks(self, project: str) -> Mapping[str, str]:
        return {}

    def taken(self, ports: Collection[Port]) -> frozenset[tuple[str, int, str]]:
        return self.busy & {(port.host, port.published, port.protocol) for port in ports}

    def outside(self, project: str, services: Mapping[str, Service]) -> Outside:
        return AS_NEEDED

    def marks(self, services: Mapping[str, Service], owners: Mapping[str, str]) -> bytes:
        return canonical_json(dict(owners))

    def pull_image(self, image: Image, say: Say, *, stalled_after: float) -> None:
        self._call(f"pull {image.name}")

    def has_image(self, image: Image) -> bool:
        return str(image.ref) in self.held

    def hold_image(self, image: Image, project: str, release: str) -> None:
        self.held.add(str(image.ref))
        self.tags.add(hold_tag(project, image.ref, release))

    def start(
        self, stack: Stack, services: Sequence[str], slot: str = "", again: Collection[str] = ()
    ) -> None:
        self._call(f"start {' '.join(services)}")
        for name in services:
            service = self.render(stack)[name]
            before = self.containers.get(name)
            if before is None or before.config != service.config:
                self.containers[name] = self._container(service)

    def start_more(self, stack: Stack, service: str, number: int) -> None:
        raise NotImplementedError

    def remove_containers(self, ids: Sequence[str]) -> None:
        raise NotImplementedError

    def _container(self, service: Service) -> Instance:
        image = next(i for i in self.images if str(i.ref) == service.image)
        return Instance(
            service=service.name,
            id=f"{service.name}-{service.config}",
            image=Identity("config", image.config),
            state="running",
            health="starting" if service.image in self.sick else "healthy",
            config=service.config,
            health_output="503" if service.image in self.sick else "",
        )

    def remove(self, project: str, services: Sequence[str], slot: str = "") -> None:
        self._call(f"remove {' '.join(services)}")
        for name in services:
            self.containers.pop(name, None)

    def teardown(self, project: str) -> None:
        self._call("teardown")
        self.containers.clear()

    @contextmanager
    def watch(self, project: str) -> Iterator[QuietWatch]:
        self._call("watch")
        yield QuietWatch()

    def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
        raise EngineCallFailed(f"nobody answers {url}")

    def published_at(self, container: Instance, port: int) -> str:
        return container.published_at(port, "127.0.0.1")

    def launch_configs(self, running: Running) -> Mapping[str, LaunchConfig]:
        return {c.id: LaunchConfig() for c in self.containers.values()}

    def read_file(self, container: Instance, path: str) -> bytes | None:
        return None

    def describe(self, running: Running) -> list[dict[str, Any]]:
        return [{"service": service} for service in self.containers]

    def logs(self, container: Instance, tail: int) -> tuple[str, ...]:
        return (f"last words of {container.service}",)

    def run_once(self, request: RunRequest) -> tuple[str, ...]:
        self._call(f"run {request.image}")
        return ()

    def remove_stopped(self, ids: Sequence[str]) -> None:
        self._call(f"remove stopped {' '.join(ids)}")

    def image_facts(self, reference: str, say: Say, *, stalled_after: float) -> ImageFacts:
        return ImageFacts()

    def inventory(self) -> tuple[LocalImage, ...]:
        return ()

    def remove_references(self, references: Sequence[str]) -> tuple[str, ...]:
        return ()

    def disk_use(self) -> Mapping[str, int]:
        return {"images": 0, "build_cache": 0}

    def becomes(self, service: str, **changes: object) -> None:
        """Change a container as if it had changed by itself."""
        self.containers[service] = replace(self.containers[service], **changes)  # type: ignore[arg-type]
