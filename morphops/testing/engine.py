"""A place to run containers on, in memory: what is there, what was done, and what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from morphops.core.history.heads import Head
from morphops.core.lock import Holder
from morphops.core.release.digest import digest_of
from morphops.core.release.release import Image
from morphops.core.stack import HealthCheck, Identity, Instance, LaunchConfig, Parts, Port, Service
from morphops.errors import EngineUnavailable
from morphops.testing.behaviour import WELL, Behaviour
from morphops.testing.faults import Faults

# What holds a port; of what stopped it is free again.
HOLDS_PORTS = ("running", "paused", "restarting")
_CHECKS_KEPT = 5  # as a Docker engine does
ENDED = "2026-01-02T03:04:05+00:00"  # when every container ended that was to end


@dataclass(slots=True)
class FakeContainer:
    """One container.

    Attributes:
        project: whose it is.
        instance: what is observed of it.
        launch: how it was started.
        behaviour: of its image.
        one_off: whether it was run once, beside the services.
        files: place inside → content, of what it was given as a copy.
        memory: URL → what it was answered; see `Behaviour.remembers`.
        at_work: how often it is observed before it ends; see `Behaviour.lasts`.
    """

    project: str
    instance: Instance
    launch: LaunchConfig = field(default_factory=LaunchConfig)
    behaviour: Behaviour = WELL
    one_off: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    memory: dict[str, bytes] = field(default_factory=dict)
    at_work: int = 0

    def begin(self) -> None:
        """Let it run, or come to its end at once, as its image behaves."""
        behaves = self.behaviour
        self.at_work = behaves.lasts if behaves.state == "exited" else 0
        self.instance = replace(self.instance, state="running", exit_code=0, ended="")
        if not self.at_work:
            self.end()

    def end(self) -> None:
        """Let it become what its image says."""
        behaves = self.behaviour
        ended = ENDED if behaves.state == "exited" else ""
        self.instance = replace(
            self.instance, state=behaves.state, exit_code=behaves.exit_code, ended=ended
        )

    @property
    def key(self) -> Key:
        """What it is known by: a second generation of a service has keys of its own."""
        one = self.instance
        return self.project, one.slot, one.service, one.replica_index


# project, slot, service, replica index
Key: TypeAlias = tuple[str, str, str, int]


@dataclass(slots=True)
class FakeEngine:
    """What outlives a client: containers, networks, images, locks and heads.

    Attributes:
        faults: what is to go wrong, and at which call.
        calls: what was done, in order: `pull api`, `start db api`, `remove old`, `teardown`.
        containers: by project, slot, service and replica index.
        one_offs: what was run once, beside the services.
        networks: project → name → the configuration that each was made with.
        volumes: project → names; nothing here removes them.
        busy: (host, port, protocol) of the ports that something else has.
        shared: names of the external networks and volumes that are there.
        runtimes: names of what can run containers here.
        names: container name → whose it is, of containers that were not started here.
        served: reference → the image that a registry answers with.
        local: reference → the image that is on the engine.
        held: local tag → reference.
        locks: project → who holds its lock.
        heads: project → what is kept of its history.
        machine: the platform that images must be for.
        version: grows with each change, so that a watch knows of it.
    """

    faults: Faults = field(default_factory=Faults)
    calls: list[str] = field(default_factory=list)
    containers: dict[Key, FakeContainer] = field(default_factory=dict)
    one_offs: list[FakeContainer] = field(default_factory=list)
    networks: dict[str, dict[str, str]] = field(default_factory=dict)
    volumes: dict[str, set[str]] = field(default_factory=dict)
    busy: set[tuple[str, int, str]] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    runtimes: set[str] = field(default_factory=lambda: {"runc"})
    names: dict[str, str] = field(default_factory=dict)
    served: dict[str, Image] = field(default_factory=dict)
    local: dict[str, Image] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    locks: dict[str, Holder] = field(default_factory=dict)
    heads: dict[str, tuple[Head, ...]] = field(default_factory=dict)
    machine: str = "linux/amd64"
    version: int = 0
    _behaviours: dict[str, Behaviour] = field(default_factory=dict)
    _away: int = 0
    _made: int = 0
    _news: threading.Condition = field(default_factory=threading.Condition)

    def publish(self, image: Image, behaviour: Behaviour = WELL) -> None:
        """Let a registry have an image.

        Args:
            image: what a pull of its reference brings.
            behaviour: of its containers that are started from now on.
        """
        self.served[str(image.ref)] = image
        self.behave(str(image.ref), behaviour)

    def behave(self, reference: str, behaviour: Behaviour) -> None:
        """Say how containers of an image behave that are started from now on."""
        self._behaviours[reference] = behaviour

    def behaviour(self, reference: str) -> Behaviour:
        """How containers of an image behave."""
        return self._behaviours.get(reference, WELL)

    def becomes(self, service: str, **changes: Any) -> None:
        """Change the containers of a service as if they had changed on their own.

        Args:
            service: in all projects and slots.
            changes: attributes of `Instance`.

        Raises:
            AssertionError: no container is there.
        """
        found = [c for c in self.containers.values() if c.instance.service == service]
        if not found:
            raise AssertionError(f"{service} has no container")
        for container in found:
            container.instance = replace(container.instance, **changes)
        self.changed()

    def update(self, service: str, **settings: str) -> None:
        """Change settings of a service's containers, as `docker update` does.

        Args:
            service: in all projects and slots.
            settings: by the names of the compose-spec (`mem_limit`).
        """
        for container in self.containers.values():
            if container.instance.service == service:
                changed = {**container.launch.settings, **settings}
                container.launch = replace(container.launch, settings=changed)
        self.changed()

    def vanish(self, service: str) -> None:
        """Let the containers of a service be gone, as if they had been removed."""
        for key in [key for key in self.containers if key[2] == service]:
            del self.containers[key]
        self.changed()

    def add(self, container: FakeContainer) -> None:
        """Add a container that something else started."""
        if container.one_off:
            self.one_offs.append(container)
        else:
            self.containers[container.key] = container
        self.changed()

    def away(self, looks: int) -> None:
        """Go away, and come back; a lock that is held is released, as by a restart.

        Args:
            looks: how often it does not answer whether it is there. Every other call fails until
                then.
        """
        self._away = looks
        self.locks.clear()
        self.changed()

    def answers(self) -> bool:
        """Whether it is there; each question brings it nearer."""
        if not self._away:
            return True
        self._away -= 1
        return False

    @contextmanager
    def call(self, name: str, *, done: bool = False) -> Iterator[None]:
        """Make a call, with the faults that were put there.

        Args:
            name: of the call.
            done: whether it changes something, and is listed once its effect begins.

        Raises:
            EngineUnavailable: the engine is away.
        """
        if self._away:
            raise EngineUnavailable(f"the fake engine does not answer: {name}")
        with self.faults.around(name):
            if done:
                self.calls.append(name)
            yield
        if self._away:  # it went while it was asked
            raise EngineUnavailable(f"the fake engine went away: {name}")

    def changed(self) -> None:
        """Wake every watch."""
        with self._news:
            self.version += 1
            self._news.notify_all()

    def await_change(self, seen: int, timeout: float) -> int:
        """Wait until there is another version than the one that was seen.

        Args:
            seen: that version.
            timeout: seconds.

        Returns:
            the current version.
        """
        with self._news:
            self._news.wait_for(lambda: self.version != seen, timeout)
            return self.version

    def new_id(self) -> str:
        """The id of a new container: 64 hex digits, the same in every run."""
        self._made += 1
        return digest_of(str(self._made).encode()).removeprefix("sha256:")

    def of_project(self, project: str) -> tuple[FakeContainer, ...]:
        """The containers of a project's services, by name."""
        found = [c for c in self.containers.values() if c.project == project]
        return tuple(sorted(found, key=lambda c: (c.instance.service, c.key)))

    def holders(self, port: Port) -> tuple[FakeContainer, ...]:
        """The containers that hold a port."""
        wanted = (port.host, port.published, port.protocol)
        return tuple(
            container
            for container in self.containers.values()
            if container.instance.state in HOLDS_PORTS
            and any((p.host, p.published, p.protocol) == wanted for p in container.instance.ports)
        )

    def check(self, container: FakeContainer) -> Instance:
        """Run the health check of a container once more, where it has one and runs.

        One that is to end comes nearer to its end.
        """
        if container.at_work and container.instance.state == "running":
            container.at_work -= 1
            if not container.at_work:
                container.end()
            self.changed()
        one = container.instance
        if one.state == "running" and one.health != "none":
            number = int(one.checks[-1].at) + 1 if one.checks else 1
            passed = one.health == "healthy"
            check = HealthCheck(
                f"{number:06d}", passed, exit_code=int(not passed), output=one.health_output
            )
            checks = (*one.checks, check)
            container.instance = replace(one, checks=checks[-_CHECKS_KEPT:])
        return container.instance

    def create(
        self,
        project: str,
        service: CheckedService,
        number: int,
        slot: str,
        marks: Mapping[str, Any],
    ) -> FakeContainer:
        """Create and start one container of a service, in place of the one that is there.

        Args:
            project: whose.
            service: as it renders.
            number: its replica index.
            slot: its generation.
            marks: its release, its configuration, and the parts of that.
        """
        self.containers.pop((project, slot, service.name, number), None)  # its ports are free
        image, behaves = self.local[service.image], self.behaviour(service.image)
        checked = service.healthcheck_interval
        instance = Instance(
            service=service.name,
            id=self.new_id(),
            image=Identity("config", image.config),
            state="running",
            health=behaves.health if checked else "none",
            managed=bool(marks),
            release=marks.get("release", ""),
            config=marks.get("config", ""),
            parts=Parts(**marks["parts"]) if "parts" in marks else None,
            health_output=behaves.health_output if checked else "",
            healthcheck_interval=checked,
            ports=(*service.ports, *self._chosen(service)),
            replica_index=number,
            networks=frozenset(network.name for network in service.networks),
            name=service.needs.container_name or f"{project}-{service.name}-{number}",
            addresses=service.needs.addresses,
            slot=slot,
            created=f"{self._made:09d}",
        )
        container = FakeContainer(
            project, instance, service.launch, behaves, files=dict(service.copies)
        )
        container.begin()
        self.containers[container.key] = container
        self.changed()
        return container

    def _chosen(self, service: Service) -> Iterator[Port]:
        """Of each range the first port that is free."""
        for ports in service.port_ranges:
            free = (
                port
                for port in ports
                if not self.holders(port)
                and (port.host, port.published, port.protocol) not in self.busy
            )
            if port := next(free, None):
                yield port


@dataclass(frozen=True, slots=True)
class CheckedService(Service):
    """A service, and how often its health is checked.

    Attributes:
        healthcheck_interval: seconds from one check to the next; 0 where there is none.
        copies: place inside → content, of the configs and secrets that are copied there.
    """

    healthcheck_interval: float = 0.0
    copies: Mapping[str, bytes] = field(default_factory=dict, repr=False)
