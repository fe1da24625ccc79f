"""The Compose target: one engine, one Compose project. Compose creates the containers.

Compose files are read only as `docker compose config` renders them; its model is never rebuilt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from morphops.adapters.docker import image_pull
from morphops.adapters.docker import labels as labels_
from morphops.adapters.docker.client import Docker, hidden
from morphops.adapters.docker.events import EventWatch
from morphops.adapters.docker.shapes import names, shape_of_container, shape_of_service
from morphops.adapters.host import ports as host_ports
from morphops.adapters.host.inspect import engine_endpoint
from morphops.core.release.digest import canonical_json, digest_of, short
from morphops.core.release.reference import local_tag
from morphops.core.release.release import Image
from morphops.core.stack import (
    Health,
    HealthCheck,
    Identity,
    Instance,
    LaunchConfig,
    Network,
    Port,
    Running,
    Service,
    Stack,
)
from morphops.errors import ConfigError, EngineCallFailed, IntegrityError, PreconditionError
from morphops.interfaces import Say

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_REPLACES = "com.docker.compose.replace"  # of a new container: the id of the one in its place
_NUMBER = "com.docker.compose.container-number"
_ONE_OFF = "com.docker.compose.oneoff"  # "True" on what `docker compose run` started
# What Compose itself leaves out when it decides whether a container must be replaced.
_NOT_CONFIG = ("depends_on", "profiles", "build", "pull_policy", "scale")
# A service has fields of their own for these.
_APART = ("image", "environment", "labels")
_OURS = (labels_.RELEASE, labels_.CONFIG)
_START_LIMIT = 300.0
_STOP_LIMIT = 180.0
_FOR_EVER = 24 * 3600.0


class ComposeTarget:
    """Implements `Workloads` and `Images` for one Docker engine.

    Args:
        docker: makes the bounded clients.
        redact: applied to log lines and health output.
    """

    def __init__(self, docker: Docker, redact: Callable[[str], str]) -> None:
        self._docker = docker
        self._redact = redact
        self._store: str | None = None

    def is_reachable(self) -> bool:
        """See `Workloads.answers`."""
        return self._docker.answers()

    def taken(self, ports: Collection[Port]) -> frozenset[tuple[str, int, str]]:
        """See `Workloads.taken`: an engine behind a network, or behind ssh, is elsewhere."""
        wanted = {(port.host, port.published, port.protocol) for port in ports}
        taken = frozenset(port for port in wanted if host_ports.taken(*port))
        # Where nothing is taken, nobody has to ask where the engine is.
        here = not taken or engine_endpoint(self._docker).startswith("unix:")
        return taken if here else frozenset()

    def marks(self, services: Mapping[str, Service], owners: Mapping[str, str]) -> bytes:
        """See `Workloads.marks`: a Compose override that labels containers and networks."""
        override: dict[str, Any] = {
            "services": {
                name: {"labels": {labels_.RELEASE: owners[name], labels_.CONFIG: service.config}}
                for name, service in services.items()
            }
        }
        networks = {n.key: n.config for service in services.values() for n in service.networks}
        if made := {key: config for key, config in networks.items() if config}:
            override["networks"] = {
                key: {"labels": {labels_.CONFIG: config}} for key, config in made.items()
            }
        return canonical_json(override)

    def render(self, stack: Stack) -> Mapping[str, Service]:
        """See `Workloads.render`."""
        with self._docker.call("render the compose files", refusal=ConfigError):
            rendered = self._compose(stack, 30).compose.config(return_json=True)
        volumes = {
            key: str((volume or {}).get("name") or key)
            for key, volume in (rendered.get("volumes") or {}).items()
        }
        networks = {
            key: _network(key, network or {})
            for key, network in (rendered.get("networks") or {}).items()
        }
        return {
            name: replace(
                _service(name, _with_networks(_with_volumes(spec, volumes), networks)),
                files=_files(spec, rendered),
                networks=_attached(spec, networks),
            )
            for name, spec in sorted((rendered.get("services") or {}).items())
        }

    def observe(self, project: str) -> Running:
        """See `Workloads.observe`."""
        kind = self._identity_kind()
        return self._running(self._inspected(project), kind)

    def _inspected(self, project: str) -> list[dict[str, Any]]:
        """Everything that the engine says of the project's containers, one-off ones left out."""
        with self._docker.call("list the containers", 20):
            listed = self._docker.client(20).container.list(
                all=True, filters=[("label", f"{_PROJECT}={project}")]
            )
            ids = [container.id for container in listed]
        return [
            inspected
            for inspected in self._docker.inspect(ids)
            if (inspected["Config"].get("Labels") or {}).get(_ONE_OFF) != "True"
        ]

    def _running(self, inspected: Sequence[Mapping[str, Any]], kind: Any) -> Running:
        found = [_container(one, kind, self._redact) for one in inspected]
        return Running(tuple(sorted(found, key=lambda c: (c.service, c.id))))

    def networks(self, project: str) -> Mapping[str, str]:
        """See `Workloads.networks`."""
        with self._docker.call("list the networks", 20):
            listed = self._docker.client(20).network.list({"label": f"{_PROJECT}={project}"})
            return {
                network.name: (network.labels or {}).get(labels_.CONFIG, "") for network in listed
            }

    def pull_image(self, image: Image, say: Say, *, stalled_after: float) -> None:
        """See `Workloads.pull`."""
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

    def has_image(self, image: Image) -> bool:
        """See `Workloads.has`."""
        from python_on_whales.exceptions import NoSuchImage

        with self._docker.call(f"look for {image.ref}", 20):
            try:
                found = self._docker.client(20).image.inspect(str(image.ref))
            except NoSuchImage:
                return False
            return Identity(self._identity_kind(), found.id).is_of(image)

    def hold_image(self, image: Image, project: str, release: str) -> None:
        """See `Images.hold_image`."""
        tag = local_tag(project, image.name, release)
        with self._docker.call(f"tag {image.ref} as {tag}", 20):
            self._docker.client(20).image.tag(str(image.ref), tag)

    def start(self, stack: Stack, services: Sequence[str], slot: str = "") -> None:
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
        limit = _long_enough(_START_LIMIT, self._running(inspected, self._identity_kind()))
        self._finish_replacements(inspected, limit)
        client = self._compose(stack, limit)
        with self._docker.call(f"start {' '.join(services)}", limit):
            # Without dependencies: the waves have the order, and the gate of a wave the waiting.
            client.compose.up(
                list(services),
                detach=True,
                dependencies=False,
                no_build=True,
                pull="never",
                quiet=True,
            )

    def _finish_replacements(self, inspected: Sequence[Mapping[str, Any]], limit: float) -> None:
        """Put right what a start that was cut off left half replaced.

        Compose creates the new container under another name, stops the old one, removes it, and
        gives its name to the new one. It does not get over what is left of that: it would create a
        container of that other name again. And the engine ends an old one that it was asked to
        stop, whoever asked and however long ago: taken for one that runs, it would be gone later.
        """
        client = self._docker.client(limit)
        there = {one["Id"] for one in inspected}
        for new in inspected:
            old = (new["Config"].get("Labels") or {}).get(_REPLACES)
            if old is None or new["State"]["Status"] != "created":
                continue
            name = new["Name"].removeprefix("/")
            with self._docker.call(f"put {name} right", limit):
                if old in there:
                    client.container.stop(old)
                    client.container.remove(new["Id"])
                elif name.startswith(f"{old[:12]}_"):
                    client.container.rename(new["Id"], name.removeprefix(f"{old[:12]}_"))

    def remove(self, project: str, services: Sequence[str], slot: str = "") -> None:
        """See `Workloads.remove`."""
        running = self.observe(project)
        ids = [c.id for name in services for c in running.of(name, slot)]
        limit = _long_enough(_STOP_LIMIT, running)
        client = self._docker.client(limit)
        with self._docker.call(f"remove {' '.join(services)}", limit):
            if ids:
                client.container.stop(ids)
                client.container.remove(ids, force=True)

    def teardown(self, project: str) -> None:
        """See `Workloads.teardown`."""
        limit = _long_enough(_STOP_LIMIT, self.observe(project))
        client = self._docker.client(limit, compose_project_name=project)
        with self._docker.call(f"take down {project}", limit):
            client.compose.down(remove_orphans=True, quiet=True)

    @contextmanager
    def watch(self, project: str) -> Iterator[EventWatch]:
        """See `Workloads.watch`."""
        with EventWatch(f"{_PROJECT}={project}") as watch:
            yield watch

    def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
        """See `Workloads.fetch`; needs `curl` in the image."""
        limit = timeout + 5
        with self._docker.call(f"ask {container.service} for {url}", limit):
            said = self._docker.client(limit).container.execute(
                container.id, ["curl", "-fsS", "-m", f"{timeout:g}", url]
            )
        return str(said).encode()

    def launch_configs(self, running: Running) -> Mapping[str, LaunchConfig]:
        """See `Workloads.shapes`."""
        found = self._docker.inspect([c.id for c in running.containers])
        images = self._docker.inspect_images(sorted({row["Image"] for row in found}))
        own = {row["Id"]: row.get("Config") or {} for row in images}
        return {row["Id"]: shape_of_container(row, own.get(row["Image"], {})) for row in found}

    def describe(self, running: Running) -> list[dict[str, Any]]:
        """See `Workloads.describe` (Engine API, ContainerInspect)."""
        found = self._docker.inspect([c.id for c in running.containers])
        for inspected in found:
            inspected["Config"]["Env"] = sorted(names(inspected["Config"].get("Env")))
        return found

    def logs(self, container: Instance, tail: int) -> tuple[str, ...]:
        """See `Workloads.logs`."""
        try:
            with self._docker.call(f"read the logs of {container.service}", 20):
                text = self._docker.client(20).container.logs(container.id, tail=tail)
        except EngineCallFailed as err:
            return (str(err),)
        return tuple(self._redact(line) for line in str(text).splitlines())

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

    def _identity_kind(self) -> Any:
        """Which digest this engine names an image by: that depends on its image store."""
        if self._store is None:
            with self._docker.call("ask the engine for its image store", 20):
                status = self._docker.client(20).system.info().driver_status or []
            containerd = any("io.containerd.snapshotter" in str(row) for row in status)
            self._store = "manifest" if containerd else "config"
        return self._store


def _long_enough(limit: float, running: Running) -> float:
    """The seconds of a call, and those that what it may have to stop is given to end.

    Compose stops services that need each other one after the other, and those of one together.
    """
    longest: dict[str, float] = {}
    for container in running.containers:
        within = max(longest.get(container.service, 0), container.stop_grace_period)
        longest[container.service] = within
    return limit + sum(longest.values())


def _container(inspected: Mapping[str, Any], kind: Any, redact: Callable[[str], str]) -> Instance:
    """One container as `docker container inspect` describes it (Engine API, ContainerInspect)."""
    state = inspected["State"]
    labels = inspected["Config"].get("Labels") or {}
    health = state.get("Health") or {}
    log = health.get("Log") or [{}]
    return Instance(
        service=labels.get(_SERVICE, inspected["Name"].removeprefix("/")),
        id=inspected["Id"],
        image=Identity(kind, inspected["Image"]),
        state=state["Status"],
        health=_health(health.get("Status")),
        restarts=inspected.get("RestartCount", 0),
        exit_code=state.get("ExitCode", 0),
        stop_grace_period=_ends_within(inspected["Config"].get("StopTimeout")),
        managed=labels_.RELEASE in labels,
        release=labels.get(labels_.RELEASE, ""),
        config=labels.get(labels_.CONFIG, ""),
        health_output=redact(log[-1].get("Output") or ""),
        checks=tuple(HealthCheck(row["Start"], not row["ExitCode"]) for row in log if row),
        healthcheck_interval=_checked_within(inspected["Config"].get("Healthcheck") or {}),
        ports=tuple(_bindings(inspected["HostConfig"].get("PortBindings") or {})),
        networks=frozenset((inspected.get("NetworkSettings") or {}).get("Networks") or ()),
        replica_index=int(number) if (number := str(labels.get(_NUMBER, ""))).isdecimal() else 1,
    )


def _with_volumes(spec: Mapping[str, Any], volumes: Mapping[str, str]) -> dict[str, Any]:
    """A service whose volumes have their names on the engine: another name is another volume.

    Compose keeps those apart, and does not recreate a container for them.
    """
    mounts = [
        {**mount, "source": volumes.get(mount["source"], mount["source"])}
        if mount["type"] == "volume" and mount.get("source")
        else mount
        for mount in spec.get("volumes") or ()
    ]
    return {**spec, "volumes": mounts} if mounts else dict(spec)


def _network(key: str, spec: Mapping[str, Any]) -> Network:
    """A network as Compose renders it (compose-spec, `networks`)."""
    name = str(spec.get("name") or key)
    if spec.get("external"):
        return Network(name, key)
    labels = {k: v for k, v in (spec.get("labels") or {}).items() if k != labels_.CONFIG}
    # Once it is labelled, it is to be the same as before.
    made = {k: v for k, v in spec.items() if k != "labels"} | ({"labels": labels} if labels else {})
    return Network(name, key, short(digest_of(canonical_json(made))))


def _attached(spec: Mapping[str, Any], networks: Mapping[str, Network]) -> tuple[Network, ...]:
    """What a service is attached to: its networks, or the mode that stands in for them."""
    mode = str(spec.get("network_mode") or "")
    if mode:  # in another's network a container has none of its own
        return () if ":" in mode else (Network(mode),)
    return tuple(networks[key] for key in spec.get("networks") or () if key in networks)


def _with_networks(spec: Mapping[str, Any], networks: Mapping[str, Network]) -> dict[str, Any]:
    """A service whose networks have their names on the engine, and how they are to be made.

    Compose keeps those apart, as it does volumes.
    """
    attached = {
        networks[key].name: {"attached": how, "made": networks[key].config}
        for key, how in (spec.get("networks") or {}).items()
        if key in networks
    }
    return {**spec, "networks": attached} if attached else dict(spec)


def _files(spec: Mapping[str, Any], rendered: Mapping[str, Any]) -> frozenset[str]:
    """What a service is given of the machine's files, as absolute paths."""
    mounts = (m.get("source") for m in spec.get("volumes") or () if m["type"] == "bind")
    given = (
        ((rendered.get(kind) or {}).get(one["source"]) or {}).get("file")
        for kind in ("configs", "secrets")
        for one in spec.get(kind) or ()
    )
    return frozenset(str(path) for path in (*mounts, *given) if path)


def _service(name: str, spec: Mapping[str, Any]) -> Service:
    labels = spec.get("labels") or {}
    config = {key: value for key, value in spec.items() if key not in _NOT_CONFIG}
    config["labels"] = {k: v for k, v in labels.items() if k not in _OURS}
    return Service(
        name=name,
        image=spec.get("image", ""),
        config=short(digest_of(canonical_json(config))),
        ports=tuple(
            Port(
                port.get("host_ip", ""),
                int(port["published"]),
                int(port["target"]),
                port.get("protocol") or "tcp",
            )
            for port in spec.get("ports") or ()
            if str(port.get("published", "")).isdigit()
        ),
        labels=labels,
        launch=shape_of_service(spec),
        replicas=_count(spec),
        waits_for_completion=frozenset(
            other
            for other, how in (spec.get("depends_on") or {}).items()
            if how.get("condition") == "service_completed_successfully"
        ),
        variables=_digests(spec.get("environment") or {}),
        keys=_digests(
            {key: value for key, value in config.items() if key not in _APART}
            | ({"labels": config["labels"]} if config["labels"] else {})
        ),
    )


def _count(spec: Mapping[str, Any]) -> int:
    """How many containers (compose-spec, `scale` and `deploy.replicas`)."""
    for given in (spec.get("scale"), (spec.get("deploy") or {}).get("replicas")):
        if given is not None:
            return int(given)
    return 1


def _digests(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: digest_of(canonical_json(value)) for name, value in values.items()}


def _bindings(bindings: Mapping[str, Any]) -> Iterator[Port]:
    for target, hosts in bindings.items():
        for host in hosts or ():
            if host.get("HostPort"):
                port, _, protocol = target.partition("/")
                at = host.get("HostIp") or "", int(host["HostPort"]), int(port)
                yield Port(*at, protocol or "tcp")


def _checked_within(healthcheck: Mapping[str, Any]) -> float:
    """The interval and the timeout, which the engine has in nanoseconds; 0 is its default, 30 s."""
    if (healthcheck.get("Test") or ["NONE"])[0] == "NONE":
        return 0.0
    return sum((healthcheck.get(key) or 30e9) / 1e9 for key in ("Interval", "Timeout"))


def _ends_within(timeout: int | None) -> float:
    """The stop timeout; where nobody set one it is the engine's, and one below zero is no end."""
    if timeout is None:
        return 10.0
    return float(timeout) if timeout >= 0 else _FOR_EVER


def _health(status: str | None) -> Health:
    match status:
        case "healthy" | "starting" | "unhealthy":
            return status
        case _:
            return "none"
