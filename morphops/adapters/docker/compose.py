"""The Compose target: one engine, one Compose project. Compose creates the containers.

Compose files are read only as `docker compose config` renders them; its model is never rebuilt.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from morphops.adapters.docker import (
    commands,
    compose_config,
    image_pull,
    image_store,
    labels,
    model,
    moves,
    outside,
    run_once,
    settings,
    usage,
)
from morphops.adapters.docker.argv import hidden
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.contents import Contents
from morphops.adapters.docker.events import EventWatch
from morphops.adapters.docker.shapes import names, shape_seen
from morphops.adapters.host import ports as host_ports
from morphops.core import compose_override
from morphops.core.bundle.beside import Place
from morphops.core.env import dotenv
from morphops.core.outside import Outside
from morphops.core.release.digest import canonical_json
from morphops.core.release.platform import platform_name
from morphops.core.release.reference import hold_tag
from morphops.core.release.release import Image
from morphops.core.requests import CommandEnd, CommandRequest, RunRequest
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
    Usage,
)
from morphops.errors import EngineCallFailed, IntegrityError, PreconditionError
from morphops.interfaces import Say

# What Compose calls a container until it takes the place of the one with these twelve digits.
_TEMPORARY = re.compile(r"/?([0-9a-f]{12})_(.+)")
_Kind: TypeAlias = Literal["config", "manifest"]
# Seconds for a call, besides what containers are given to stop.
START_LIMIT = 300.0
STOP_LIMIT = 180.0
_LOGS_LIMIT = 20.0
_NO_PROGRAM = "executable file not found"  # what a runtime says (runc)


class ComposeTarget:
    """Implements `Workloads` and `Images` for one Docker engine.

    Args:
        docker: the engine and Compose.
        redact: applied to log lines and health output.
    """

    def __init__(self, docker: Docker, redact: Callable[[str], str]) -> None:
        self._docker = docker
        self._redact = redact
        self._store: _Kind | None = None
        self._platform: str | None = None

    def is_reachable(self) -> bool:
        """See `Workloads.is_reachable`."""
        return self._docker.engine.answers()

    def taken(self, ports: Collection[Port]) -> frozenset[tuple[str, int, str]]:
        """See `Workloads.taken`: an engine behind a network, or behind ssh, is elsewhere."""
        if not self._docker.endpoint.is_local:
            return frozenset()
        wanted = {(port.host, port.published, port.protocol) for port in ports}
        return frozenset(port for port in wanted if host_ports.taken(*port))

    def outside(self, project: str, services: Mapping[str, Service]) -> Outside:
        """See `Workloads.outside`."""
        return outside.look(self._docker, project, [one.needs for one in services.values()])

    def marks(self, services: Mapping[str, Service], owners: Mapping[str, str]) -> bytes:
        """See `Workloads.marks`: a Compose override that labels containers and networks."""
        override: dict[str, Any] = {
            "services": {
                name: {
                    "labels": {
                        labels.RELEASE: owners[name],
                        labels.CONFIG: service.config,
                        # Compose reads it, and would put in a variable where a dollar stands.
                        labels.PARTS: model.text_of(service.parts).replace("$", "$$"),
                    }
                }
                for name, service in services.items()
            }
        }
        networks = {n.key: n.config for service in services.values() for n in service.networks}
        if made := {key: config for key, config in networks.items() if config}:
            override["networks"] = {
                key: {"labels": {labels.CONFIG: config}} for key, config in made.items()
            }
        return canonical_json(override)

    def render(self, stack: Stack) -> Mapping[str, Service]:
        """See `Workloads.render`."""
        rendered = self._rendered(stack)
        here = self._docker.endpoint.is_local
        environment = _environment(stack, rendered)
        contents = Contents(rendered, environment, stack.seal, here=here, stack=stack)
        return model.services(rendered, contents, stack.seal, stack.carried)

    def moved(self, stack: Stack, place: Callable[[str], Place | None]) -> bytes:
        """See `Workloads.moved`: a Compose override with other mounts."""
        return compose_override.text(moves.override(self._rendered(stack), place))

    def _rendered(self, stack: Stack) -> dict[str, Any]:
        return compose_config.rendered(
            self._docker,
            stack.files,
            env_file=stack.env_file,
            profiles=stack.profiles,
            environ=os.environ,
            ignore=stack.variables,
            project=stack.project,
        )

    def maker(self) -> str:
        """See `Workloads.maker`."""
        return model.compose_version(self._docker.plugin_version("compose"))

    def observe(self, project: str) -> Running:
        """See `Workloads.observe`."""
        kind = self._identity_kind()
        return self._running(self._inspected(project), kind)

    def _inspected(self, project: str) -> list[dict[str, Any]]:
        """Return the project's containers (ContainerInspect), without one-off ones."""
        engine = self._docker.engine
        listed = engine.containers(label=[labels.of_project(project)])
        return engine.inspect(
            [
                container["Id"]
                for container in listed
                if (container.get("Labels") or {}).get(labels.ONE_OFF) != "True"
            ]
        )

    def _running(self, inspected: Sequence[Mapping[str, Any]], kind: _Kind) -> Running:
        found = [model.seen(one, kind, self._redact) for one in inspected]
        return Running(tuple(sorted(found, key=lambda c: (c.service, c.id))))

    def networks(self, project: str) -> Mapping[str, str]:
        """See `Workloads.networks`."""
        listed = self._docker.engine.networks(label=[labels.of_project(project)])
        return {row["Name"]: (row.get("Labels") or {}).get(labels.CONFIG, "") for row in listed}

    def pull_image(self, image: Image, say: Say, *, stalled_after: float) -> None:
        """See `Images.pull_image`."""
        image_pull.pull(
            self._docker,
            str(image.ref),
            stalled_after=stalled_after,
            say=lambda text: say(f"{image.name}: {text}"),
        )
        if not self.has_image(image):
            raise IntegrityError(
                f"{image.ref} was pulled, but it is not the image that the release recorded",
                state="no container was touched",
            )

    def platform(self) -> str:
        """See `Images.platform` (Engine API, SystemInfo)."""
        if self._platform is None:
            info = self._docker.engine.info()
            self._platform = platform_name(info.get("OSType", ""), info.get("Architecture", ""))
        return self._platform

    def has_image(self, image: Image) -> bool:
        """See `Images.has_image`."""
        kind = self._identity_kind()
        found = self._docker.engine.inspect_images([str(image.ref)])
        return any(Identity(kind, row["Id"]).is_of(image) for row in found)

    def hold_image(self, image: Image, project: str, release: str) -> None:
        """See `Images.hold_image`."""
        self._docker.engine.tag(str(image.ref), hold_tag(project, image.ref, release))

    def start(
        self, stack: Stack, services: Sequence[str], slot: str = "", again: Collection[str] = ()
    ) -> None:
        """See `Workloads.start`.

        Raises:
            PreconditionError: a slot is named; Compose has one generation of a project.
        """
        if slot:
            raise PreconditionError(
                f"this platform has one generation of a stack, so nothing can start in {slot!r}",
                state="no container was touched",
            )
        inspected = self._inspected(stack.project)
        limit = _long_enough(START_LIMIT, self._running(inspected, self._identity_kind()))
        self._finish_replacements(inspected, limit)
        client = self._compose(stack, limit)
        as_needed = [name for name in services if name not in again]
        recreated = [name for name in services if name in again]
        for wanted, force in ((as_needed, False), (recreated, True)):
            if not wanted:
                continue
            with self._docker.call(f"start {' '.join(wanted)}", limit):
                # Without dependencies: the waves have the order, and their gates the waiting.
                client.compose.up(
                    wanted,
                    detach=True,
                    dependencies=False,
                    force_recreate=force,
                    no_build=True,
                    pull="never",
                    quiet=True,
                )

    def _finish_replacements(self, inspected: Sequence[Mapping[str, Any]], limit: float) -> None:
        """Finish what an interrupted start left half replaced.

        Compose creates the new container under another name, stops the old one, removes it, and
        gives its name to the new one. What is left of an interrupted replacement makes Compose
        fail: it would create a container of that other name again. And the engine still ends an old
        container that it was asked to stop earlier: it seems to run now, and is gone later.
        """
        client = self._docker.client(limit)
        for new in inspected:
            # What the label says depends on the version: the old one's id, or since 2.39 its name.
            name = _TEMPORARY.fullmatch(str(new.get("Name")))
            replaces = labels.REPLACES in ((new.get("Config") or {}).get("Labels") or {})
            status = (new.get("State") or {}).get("Status")
            if not (name and replaces and status == "created"):
                continue
            old = [one["Id"] for one in inspected if one["Id"].startswith(name[1])]
            with self._docker.call(f"finish the replacement of {name[2]}", limit):
                if old:
                    client.container.stop(old)
                    client.container.remove(new["Id"])
                else:
                    self._give_name(client, new["Id"], name[2])

    def _give_name(self, client: Any, container: str, name: str) -> None:
        """Give a new container the name of the one that it replaces.

        Where another container has the name, it can never be what it was to be, and no later start
        could get past it. So it goes, and what is to run is recreated.
        """
        try:
            with self._docker.call(f"give a container the name {name}", START_LIMIT):
                client.container.rename(container, name)
        except EngineCallFailed:
            client.container.remove(container, force=True)

    def start_more(self, stack: Stack, service: str, number: int) -> None:
        """See `Workloads.start_more`."""
        client = self._compose(stack, START_LIMIT)
        with self._docker.call(f"start one more {service}", START_LIMIT):
            client.compose.up(
                [service],
                detach=True,
                dependencies=False,
                recreate=False,
                scales={service: number},
                no_build=True,
                pull="never",
                quiet=True,
            )

    def remove_containers(self, ids: Sequence[str]) -> None:
        """See `Workloads.remove_containers`."""
        inspected = self._docker.engine.inspect(list(ids))
        limit = _long_enough(STOP_LIMIT, self._running(inspected, self._identity_kind()))
        client = self._docker.client(limit)
        with self._docker.call(f"remove {len(ids)} containers", limit):
            client.container.stop(list(ids))
            client.container.remove(list(ids), force=True)

    def remove(self, project: str, services: Sequence[str], slot: str = "") -> None:
        """See `Workloads.remove`."""
        running = self.observe(project)
        ids = [c.id for name in services for c in running.of(name, slot)]
        limit = _long_enough(STOP_LIMIT, running)
        client = self._docker.client(limit)
        with self._docker.call(f"remove {' '.join(services)}", limit):
            if ids:
                client.container.stop(ids)
                client.container.remove(ids, force=True)

    def restart(self, project: str, services: Sequence[str]) -> None:
        """See `Workloads.restart`."""
        running = self.observe(project)
        ids = [c.id for name in services for c in running.of(name)]
        limit = _long_enough(START_LIMIT, running)
        with self._docker.call(f"restart {' '.join(services)}", limit):
            if ids:
                self._docker.client(limit).container.restart(ids)

    def execute(self, container: Instance, request: CommandRequest) -> CommandEnd:
        """See `Workloads.execute`."""
        terminal = request.attached and commands.in_terminal()
        words = commands.exec_words(container.id, request, terminal=terminal)
        doing = f"run {request.words[0]} in {container.service}"
        return commands.finish(self._docker, words, request, doing, self._redact)

    def run_beside(self, stack: Stack, service: str, request: CommandRequest) -> CommandEnd:
        """See `Workloads.run_beside`: `docker compose run`."""
        terminal = request.attached and commands.in_terminal()
        files = [f"--file={path}" for path in stack.files]
        words = [
            "compose",
            f"--project-name={stack.project}",
            f"--project-directory={stack.files[0].parent}",
            f"--env-file={stack.env_file}",
            *files,
            "--profile=*",  # who names a service wants it, whatever switches it on
            *commands.run_words(service, request, terminal=terminal),
        ]
        seen = hidden(os.environ, stack.variables)
        env = {name: value for name, value in os.environ.items() if name not in seen}
        env |= {name: os.environ[name] for name in ("TERM",) if name in os.environ}
        env["COMPOSE_PROGRESS"] = "quiet"  # what it makes is not what the command writes
        doing = f"run {request.words[0]} beside {service}" if request.words else f"run {service}"
        return commands.finish(self._docker, words, request, doing, self._redact, env)

    def teardown(self, project: str) -> None:
        """See `Workloads.teardown`."""
        limit = _long_enough(STOP_LIMIT, self.observe(project))
        client = self._docker.client(limit, compose_project_name=project)
        with self._docker.call(f"take down {project}", limit):
            client.compose.down(remove_orphans=True, quiet=True)

    def volumes(self, project: str) -> frozenset[str]:
        """See `Workloads.volumes`."""
        listed = self._docker.engine.volumes(label=[labels.of_project(project)])
        return frozenset(row["Name"] for row in listed)

    def destroy(self, project: str) -> None:
        """See `Workloads.destroy`."""
        limit = _long_enough(STOP_LIMIT, self.observe(project))
        client = self._docker.client(limit, compose_project_name=project)
        with self._docker.call(f"destroy {project}", limit):
            client.compose.down(remove_orphans=True, volumes=True, quiet=True)
        # Without its files Compose may not know of all of them.
        self._docker.engine.remove_volumes(sorted(self.volumes(project)))

    @contextmanager
    def watch(self, project: str) -> Iterator[EventWatch]:
        """See `Workloads.watch`."""
        with EventWatch(self._docker, labels.of_project(project)) as watch:
            yield watch

    def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
        """See `Workloads.http_get`; needs `curl` or `wget` in the image."""
        limit = timeout + 5
        doing = f"ask {container.service} for {url}"
        words = ["curl", "-fsS", "-m", f"{timeout:g}", url]
        try:
            return self._said(container, words, doing, limit)
        except EngineCallFailed as err:
            if not any(_NO_PROGRAM in line for line in err.detail):
                raise
        # As BusyBox has it, too.
        words = ["wget", "-q", "-O", "-", "-T", f"{max(1, round(timeout))}", url]
        return self._said(container, words, doing, limit)

    def _said(self, container: Instance, words: list[str], doing: str, limit: float) -> bytes:
        with self._docker.call(doing, limit):
            return str(self._docker.client(limit).container.execute(container.id, words)).encode()

    def published_at(self, container: Instance, port: int) -> str:
        """See `Workloads.published_at`: on the machine of the engine."""
        return container.published_at(port, self._docker.endpoint.host)

    def launch_configs(self, running: Running) -> Mapping[str, LaunchConfig]:
        """See `Workloads.launch_configs`."""
        found = self._docker.engine.inspect([c.id for c in running.containers])
        images = self._docker.engine.inspect_images(sorted({row["Image"] for row in found}))
        own = {row["Id"]: row.get("Config") or {} for row in images}
        return {row["Id"]: _launch_config(row, own.get(row["Image"], {})) for row in found}

    def read_file(self, container: Instance, path: str) -> bytes | None:
        """See `Workloads.read_file` (Engine API, ContainerArchive)."""
        return self._docker.engine.read_file(container.id, path)

    def usage(self, running: Running) -> Mapping[str, Usage]:
        """See `Workloads.usage`."""
        return usage.look(self._docker, [c.id for c in running.containers if c.state == "running"])

    def describe(self, running: Running) -> list[dict[str, Any]]:
        """See `Workloads.describe` (Engine API, ContainerInspect)."""
        found = self._docker.engine.inspect([c.id for c in running.containers])
        for inspected in found:
            config = inspected.get("Config") or {}
            inspected["Config"] = {**config, "Env": sorted(names(config.get("Env")))}
        return found

    def logs(self, container: Instance, tail: int, since: str = "") -> tuple[str, ...]:
        """See `Workloads.logs`."""
        after = [f"--since={since}"] if since else []
        words = ["logs", f"--tail={tail}", *after, container.id]
        doing = f"read the logs of {container.service}"
        try:
            request = CommandRequest(words=tuple(words), limit=_LOGS_LIMIT)
            end = commands.finish(self._docker, words, request, doing, self._redact)
        except EngineCallFailed as err:
            failed = str(err)
        else:
            if not end.exit_code:
                return end.lines
            failed = f"could not {doing}: {' '.join(end.lines[-1:])}"
        if self._keeps_no_logs(container):
            return (f"the log driver of {container.service} keeps nothing that can be read",)
        return (failed,)

    def follow(
        self,
        containers: Sequence[Instance],
        tail: int,
        since: str,
        say: Callable[[Instance, str], None],
    ) -> None:
        """See `Workloads.follow`."""
        known = {container.id: container for container in containers}
        commands.follow(
            self._docker,
            known,
            tail,
            since,
            lambda id_, line: say(known[id_], line),
            self._redact,
        )

    def _keeps_no_logs(self, container: Instance) -> bool:
        # The engine keeps a copy of what it sends elsewhere.
        inspected = self._docker.engine.inspect([container.id])
        how = [(row.get("HostConfig") or {}).get("LogConfig") or {} for row in inspected]
        return any(one.get("Type") == "none" for one in how)

    def run_once(self, request: RunRequest) -> tuple[str, ...]:
        """See `Workloads.run_once`."""
        return run_once.run_once(self._docker, request)

    def remove_stopped(self, ids: Sequence[str]) -> None:
        """See `Workloads.remove_stopped`."""
        image_store.remove_stopped(self._docker, ids)

    def image_facts(self, reference: str, say: Say, *, stalled_after: float) -> ImageFacts:
        """See `Images.image_facts`."""
        if found := image_store.facts(self._docker, reference):
            return found
        image_pull.pull(self._docker, reference, stalled_after=stalled_after, say=say)
        return image_store.facts(self._docker, reference) or ImageFacts()

    def inventory(self) -> tuple[LocalImage, ...]:
        """See `Images.inventory`."""
        return image_store.images(self._docker)

    def remove_references(self, references: Sequence[str]) -> tuple[str, ...]:
        """See `Images.remove_references`."""
        return image_store.remove_references(self._docker, references)

    def disk_use(self) -> Mapping[str, int]:
        """See `Images.disk_use`."""
        return image_store.sizes(self._docker)

    def _compose(self, stack: Stack, limit: float) -> Any:
        return self._docker.client(
            limit,
            without=hidden(os.environ, stack.variables),
            compose_project_name=stack.project,
            compose_files=list(stack.files),
            compose_env_files=[stack.env_file],
            compose_profiles=list(stack.profiles),
            compose_project_directory=stack.files[0].parent,
        )

    def _identity_kind(self) -> _Kind:
        """Which digest this engine names an image by: that depends on its image store."""
        if self._store is None:
            status = self._docker.engine.info().get("DriverStatus") or []
            containerd = any("io.containerd.snapshotter" in str(row) for row in status)
            self._store = "manifest" if containerd else "config"
        return self._store


def _launch_config(inspected: Mapping[str, Any], image: Mapping[str, Any]) -> LaunchConfig:
    shape = shape_seen(inspected, image)
    try:
        said, by_default = settings.found(settings.Container(inspected, image))
    except (AttributeError, KeyError, TypeError, ValueError):
        return LaunchConfig()  # as where its shape cannot be read: it differs
    return replace(shape, settings=said, by_default=by_default)


def _environment(stack: Stack, rendered: Mapping[str, Any]) -> Mapping[str, str]:
    """What Compose takes the values of configs and secrets from, if there are such."""
    sources = [s for kind in ("configs", "secrets") for s in (rendered.get(kind) or {}).values()]
    if not any((source or {}).get("environment") for source in sources):
        return {}
    hide = hidden(os.environ, stack.variables)
    seen = {name: value for name, value in os.environ.items() if name not in hide}
    values = dotenv.scan(stack.env_file.read_text(encoding="utf-8"), stack.env_file.name).values
    return {**seen, **values}


def _long_enough(limit: float, running: Running) -> float:
    """The seconds of a call, and those that what it may have to stop is given to end.

    Compose stops services that need each other one after the other, and those of one together.
    """
    longest: dict[str, float] = {}
    for container in running.containers:
        within = max(longest.get(container.service, 0), container.stop_grace_period)
        longest[container.service] = within
    return limit + sum(longest.values())
