"""What runs on a fake engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from typing import Any

from morphops.core import compose_override, log_lines
from morphops.core.bundle.beside import Place
from morphops.core.outside import Outside
from morphops.core.requests import RunRequest
from morphops.core.stack import Instance, LaunchConfig, Port, Running, Service, Stack
from morphops.errors import EngineCallFailed, PreconditionError
from morphops.testing.compose_files import encode_marks, read_marks, read_model
from morphops.testing.engine import CheckedService, FakeContainer, FakeEngine
from morphops.testing.moves import override
from morphops.testing.services import services_of, volumes_of


class FakeWatch:
    """Implements `Watch`: wakes on a change of the engine."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._seen = engine.version

    def wait(self, timeout: float) -> None:
        """See `Watch.wait`."""
        self._seen = self._engine.await_change(self._seen, timeout)


class FakeWorkloads:
    """Implements `Workloads` for one fake engine.

    Args:
        engine: where.
        redact: applied to log lines and health output.
        slots: whether two generations of a service can run beside each other.
    """

    def __init__(self, engine: FakeEngine, *, redact: Callable[[str], str], slots: bool) -> None:
        self._engine = engine
        self._redact = redact
        self._slots = slots

    def is_reachable(self) -> bool:
        """See `Workloads.is_reachable`."""
        return self._engine.answers()

    def render(self, stack: Stack) -> Mapping[str, Service]:
        """See `Workloads.render`."""
        with self._engine.faults.around("render"):
            return services_of(read_model(stack), stack)

    def moved(self, stack: Stack, place: Callable[[str], Place | None]) -> bytes:
        """See `Workloads.moved`."""
        with self._engine.faults.around("render"):
            return compose_override.text(override(read_model(stack), stack, place))

    def marks(self, services: Mapping[str, Service], owners: Mapping[str, str]) -> bytes:
        """See `Workloads.marks`."""
        return encode_marks(
            {
                name: {
                    "release": owners[name],
                    "config": service.config,
                    "parts": asdict(service.parts),
                }
                for name, service in services.items()
            }
        )

    def observe(self, project: str) -> Running:
        """See `Workloads.observe`; each look finds the result of one more health check."""
        with self._engine.call("observe"):
            found = [self._engine.check(c) for c in self._engine.of_project(project)]
            return Running(
                tuple(
                    replace(
                        c,
                        health_output=self._redact(c.health_output),
                        checks=tuple(
                            replace(check, output=self._redact(check.output)) for check in c.checks
                        ),
                    )
                    for c in found
                )
            )

    def networks(self, project: str) -> Mapping[str, str]:
        """See `Workloads.networks`."""
        with self._engine.call("networks"):
            return dict(self._engine.networks.get(project, {}))

    def taken(self, ports: Collection[Port]) -> frozenset[tuple[str, int, str]]:
        """See `Workloads.taken`."""
        with self._engine.call("taken"):
            wanted = {(port.host, port.published, port.protocol): port for port in ports}
            return frozenset(
                where
                for where, port in wanted.items()
                if where in self._engine.busy or self._engine.holders(port)
            )

    def outside(self, project: str, services: Mapping[str, Service]) -> Outside:
        """See `Workloads.outside`."""
        with self._engine.call("outside"):
            needs = [service.needs for service in services.values()]
            engine = self._engine
            wanted = {one.container_name for one in needs}
            return Outside(
                networks=frozenset(n for one in needs for n in one.networks - engine.shared),
                volumes=frozenset(n for one in needs for n in one.volumes - engine.shared),
                runtimes=frozenset(
                    one.runtime
                    for one in needs
                    if one.runtime and one.runtime not in engine.runtimes
                ),
                names={name: whose for name, whose in engine.names.items() if name in wanted},
            )

    def start(
        self, stack: Stack, services: Sequence[str], slot: str = "", again: Collection[str] = ()
    ) -> None:
        """See `Workloads.start`."""
        if slot and not self._slots:
            raise PreconditionError(
                f"this platform has one generation of a stack, so nothing can start in {slot!r}",
                state="no container was touched",
            )
        where = f" in {slot}" if slot else ""
        with self._engine.call(f"start {' '.join(services)}{where}", done=True):
            model = read_model(stack)
            rendered = services_of(model, stack)
            marks = read_marks(stack)
            for name in sorted(services, key=lambda name: name in again):
                if name not in rendered:
                    raise EngineCallFailed(f"could not start {name}: no such service")
                with self._engine.call(f"create {name}"):
                    if name in again:
                        self._drop_all(stack.project, name, slot)
                    self._start(stack.project, rendered[name], slot, marks.get(name, {}))
            self._engine.volumes.setdefault(stack.project, set()).update(
                volumes_of(model, stack.project)
            )

    def _start(
        self, project: str, service: CheckedService, slot: str, marks: Mapping[str, Any]
    ) -> None:
        if service.image not in self._engine.local:
            raise EngineCallFailed(
                f"could not start {service.name}: there is no image {service.image}"
            )
        there = self._engine.networks.setdefault(project, {})
        for network in service.networks:
            if network.config:
                there.setdefault(network.name, network.config)
        for number in self._numbers(project, service, slot, marks):
            before = self._engine.containers.get((project, slot, service.name, number))
            if before is None or not _is_same(before.instance, marks):
                self._refuse_taken(service, before)
                self._engine.create(project, service, number, slot, marks)
            elif before.instance.state != "running":
                self._restart(before)

    def _numbers(
        self, project: str, service: CheckedService, slot: str, marks: Mapping[str, Any]
    ) -> list[int]:
        """The numbers that a service's containers have, or get; what is too many is dropped.

        What is as it should be stays, and of that the low numbers.
        """
        mine = sorted(
            (
                c
                for c in self._engine.of_project(project)
                if (c.instance.slot, c.instance.service) == (slot, service.name)
            ),
            key=lambda c: (not _is_same(c.instance, marks), c.instance.replica_index),
        )
        for container in mine[service.replicas :]:
            self._drop(container)
        numbers = [c.instance.replica_index for c in mine[: service.replicas]]
        free = (n for n in count(1) if n not in numbers)
        new = [next(free) for _ in range(service.replicas - len(numbers))]
        return sorted([*numbers, *new])

    def start_more(self, stack: Stack, service: str, number: int) -> None:
        """See `Workloads.start_more`."""
        with self._engine.call(f"start more {service}", done=True):
            wanted = services_of(read_model(stack), stack)[service]
            there = [
                c for c in self._engine.of_project(stack.project) if c.instance.service == service
            ]
            taken = {c.instance.replica_index for c in there}
            free = (n for n in count(1) if n not in taken)
            for _ in range(number - len(there)):
                self._refuse_taken(wanted, None)
                marks = read_marks(stack).get(service, {})
                self._engine.create(stack.project, wanted, next(free), "", marks)

    def remove_containers(self, ids: Sequence[str]) -> None:
        """See `Workloads.remove_containers`."""
        for container in list(self._engine.containers.values()):
            if container.instance.id in ids:
                with self._engine.call(f"remove one {container.instance.service}", done=True):
                    self._drop(container)

    def _restart(self, container: FakeContainer) -> None:
        one = container.instance
        if one.state == "paused":
            raise EngineCallFailed(f"could not start {one.service}: its container is paused")
        behaves = container.behaviour
        health = behaves.health if one.health != "none" else "none"
        container.instance = replace(one, health=health, restarts=0)
        container.begin()
        self._engine.changed()

    def _refuse_taken(self, service: Service, before: FakeContainer | None) -> None:
        for other in self._engine.containers.values():
            one, needs = other.instance, service.needs
            if other is before:
                continue
            named = needs.container_name and needs.container_name == one.name
            if named or needs.addresses & one.addresses:
                raise EngineCallFailed(
                    f"could not start {service.name}: {one.service} has its name or its address"
                )
        if service.needs.container_name in self._engine.names:
            raise EngineCallFailed(
                f"could not start {service.name}: Conflict. The container name is already in use"
            )
        for port in service.ports:
            others = [c for c in self._engine.holders(port) if c is not before]
            if others or (port.host, port.published, port.protocol) in self._engine.busy:
                raise EngineCallFailed(
                    f"could not start {service.name}: port {port} is already allocated"
                )

    def _drop_all(self, project: str, service: str, slot: str) -> None:
        for container in self._engine.of_project(project):
            if (container.instance.slot, container.instance.service) == (slot, service):
                self._drop(container)

    def _drop(self, container: FakeContainer) -> None:
        del self._engine.containers[container.key]
        self._engine.changed()

    def remove(self, project: str, services: Sequence[str], slot: str = "") -> None:
        """See `Workloads.remove`."""
        where = f" in {slot}" if slot else ""
        with self._engine.call(f"remove {' '.join(services)}{where}", done=True):
            for container in self._engine.of_project(project):
                if container.instance.service in services:
                    self._drop_all(project, container.instance.service, slot)

    def teardown(self, project: str) -> None:
        """See `Workloads.teardown`."""
        with self._engine.call("teardown", done=True):
            for container in self._engine.of_project(project):
                self._drop(container)
            self._engine.networks.pop(project, None)

    @contextmanager
    def watch(self, project: str) -> Iterator[FakeWatch]:
        """See `Workloads.watch`."""
        yield FakeWatch(self._engine)

    def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
        """See `Workloads.http_get`; the answers are those of the image's `Behaviour`."""
        with self._engine.call(f"get {container.service} {url}"):
            return self._answer(self._find(container), url)

    def _answer(self, container: FakeContainer, url: str) -> bytes:
        behaves, running = container.behaviour, container.instance.state == "running"
        if running and url in behaves.remembers:
            if url not in container.memory:
                service, there = behaves.remembers[url]
                (asked, *_) = (
                    c
                    for c in self._engine.of_project(container.project)
                    if c.instance.service == service
                )
                container.memory[url] = self._answer(asked, there)
            return container.memory[url]
        if running and url in behaves.answers:
            return behaves.answers[url]
        raise EngineCallFailed(f"could not ask {container.instance.service} for {url}")

    def published_at(self, container: Instance, port: int) -> str:
        """See `Workloads.published_at`: a fake engine is on this machine."""
        return container.published_at(port, "127.0.0.1")

    def launch_configs(self, running: Running) -> Mapping[str, LaunchConfig]:
        """See `Workloads.launch_configs`."""
        with self._engine.call("launch configs"):
            return {c.id: self._find(c).launch for c in running.containers}

    def read_file(self, container: Instance, path: str) -> bytes | None:
        """See `Workloads.read_file`: only what it was given as a copy is there."""
        with self._engine.call(f"read {path}"):
            return self._find(container).files.get(path)

    def describe(self, running: Running) -> list[dict[str, Any]]:
        """See `Workloads.describe`."""
        with self._engine.call("describe"):
            return [
                {
                    "id": c.id,
                    "service": c.service,
                    "state": c.state,
                    "variables": sorted(self._find(c).launch.variables),
                }
                for c in running.containers
            ]

    def logs(self, container: Instance, tail: int) -> tuple[str, ...]:
        """See `Workloads.logs`."""
        with self._engine.call(f"logs {container.service}"):
            lines = self._find(container).behaviour.logs
            return log_lines.last_lines("\n".join(lines[-tail:] if tail else ()), self._redact)

    def run_once(self, request: RunRequest) -> tuple[str, ...]:
        """See `Workloads.run_once`; what it writes are the `logs` of the image's `Behaviour`."""
        with self._engine.call(f"run {request.image}", done=True):
            if request.image not in self._engine.local:
                raise EngineCallFailed(f"could not {request.doing}: there is no such image")
            behaves = self._engine.behaviour(request.image)
            if behaves.exit_code:
                raise EngineCallFailed(
                    f"could not {request.doing}: exit code {behaves.exit_code}",
                    detail=behaves.logs,
                )
            return behaves.logs

    def remove_stopped(self, ids: Sequence[str]) -> None:
        """See `Workloads.remove_stopped`."""
        with self._engine.call("remove stopped", done=True):
            for container in list(self._engine.containers.values()):
                one = container.instance
                if one.id in ids and one.state != "running":
                    self._drop(container)

    def _find(self, container: Instance) -> FakeContainer:
        for found in (*self._engine.containers.values(), *self._engine.one_offs):
            if found.instance.id == container.id:
                return found
        raise EngineCallFailed(f"there is no container {container.id[:12]}")


def _is_same(one: Instance, marks: Mapping[str, Any]) -> bool:
    return (one.config, one.release) == (marks.get("config", ""), marks.get("release", ""))
