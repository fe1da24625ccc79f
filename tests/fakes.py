"""A target without an engine, and an observer that remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from morphops.errors import EngineCallFailed, MorphopsError
from morphops.model import Image
from morphops.target import Container, Identity, Running, Say, Service, Stack


@dataclass
class Recorder:
    """An `engine.Observer`: keeps every line."""

    lines: list[str] = field(default_factory=list)

    def step(self, number: int, total: int, text: str) -> None:
        self.lines.append(f"{number}/{total} {text}")

    def note(self, text: str) -> None:
        self.lines.append(text)

    def undoing(self, error: MorphopsError) -> None:
        self.lines.append(f"undoing: {error.what}")


class QuietWatch:
    """A watch to whose waits something always happens at once."""

    def wait(self, timeout: float) -> None:
        return


@dataclass
class FakeTarget:
    """A `target.Target` in memory.

    Attributes:
        stacks: env file of a stack → its services; what `render` answers.
        images: every image of any release, so that a container knows its identity.
        sick: images whose containers never become healthy.
        calls: what was done, in order.
        on: call → what happens when it is made, for failures and signals.
    """

    stacks: dict[str, Mapping[str, Service]]
    images: tuple[Image, ...] = ()
    sick: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    on: dict[str, Callable[[], None]] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    def _call(self, text: str) -> None:
        self.calls.append(text)
        if text in self.on:
            self.on[text]()

    def render(self, stack: Stack) -> Mapping[str, Service]:
        return self.stacks[str(stack.env_file)]

    def observe(self, project: str) -> Running:
        return Running(tuple(self.containers[name] for name in sorted(self.containers)))

    def pull(self, image: Image, say: Say) -> None:
        self._call(f"pull {image.name}")

    def has(self, image: Image) -> bool:
        return str(image.ref) in self.held

    def hold(self, image: Image, tag: str) -> None:
        self.held.add(str(image.ref))

    def start(self, stack: Stack, services: Sequence[str]) -> None:
        self._call(f"start {' '.join(services)}")
        for name in services:
            service = self.render(stack)[name]
            before = self.containers.get(name)
            if before is None or before.config != service.config:
                self.containers[name] = self._container(service)

    def _container(self, service: Service) -> Container:
        image = next(i for i in self.images if str(i.ref) == service.image)
        return Container(
            service=service.name,
            id=f"{service.name}-{service.config}",
            image=Identity("config", image.config),
            state="running",
            health="starting" if service.image in self.sick else "healthy",
            config=service.config,
            health_output="503" if service.image in self.sick else "",
        )

    def remove(self, project: str, services: Sequence[str]) -> None:
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

    def fetch(self, container: Container, url: str, timeout: float) -> bytes:
        raise EngineCallFailed(f"nobody answers {url}")

    def logs(self, container: Container, tail: int) -> tuple[str, ...]:
        return (f"last words of {container.service}",)

    def becomes(self, service: str, **changes: object) -> None:
        """Change a container as if it had changed by itself."""
        self.containers[service] = replace(self.containers[service], **changes)  # type: ignore[arg-type]
