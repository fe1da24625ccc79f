"""What crosses the seam: services as rendered, containers as observed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from morphops.core.bundle.schema import Job
from morphops.core.outside import NO_NEEDS, Needs
from morphops.core.release.release import Image
from morphops.core.seal import UNSEALED, Seal


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image on the engine.

    Attributes:
        id: the engine's name for it.
        references: every tag and `repository@digest` by which it is held.
        size: bytes, layers that others share included.
        used: whether a container, of anybody, is made of it.
        project: which one built it; empty where that is not known.
    """

    id: str
    references: frozenset[str]
    size: int
    used: bool = False
    project: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What an image says of itself.

    Attributes:
        user: of its configuration (OCI image spec, config.User); empty is root.
        variables: names that its configuration sets.
        layers: how each layer was made (OCI image spec, history.created_by).
    """

    user: str = ""
    variables: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


Health: TypeAlias = Literal["healthy", "starting", "unhealthy", "none"]


@dataclass(frozen=True, slots=True)
class Carried:
    """A copy of what a release carries, that services mount.

    Attributes:
        name: its path in the bundle's folder.
        digest: of its content.
    """

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack made ready to be started: files on disk, values and all.

    Attributes:
        project: its name on the target.
        files: what describes it, in order of precedence.
        env_file: the values; holds secrets.
        profiles: the optional parts that are switched on.
        variables: what the values decide, and no shell that exports the same name. Nor does it
            decide any other: what the values do not know is not set.
        seal: makes the digests of what is started.
        carried: path of the machine → what the release has there.
        data: paths of the machine that services write to. What lies there is theirs, and the target
            may make what is not there.
    """

    project: str
    files: tuple[Path, ...]
    env_file: Path
    profiles: tuple[str, ...] = ()
    variables: frozenset[str] = frozenset()
    seal: Seal = UNSEALED
    carried: Mapping[str, Carried] = field(default_factory=dict)
    data: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Port:
    """A published port: `host` is empty for all addresses."""

    host: str
    published: int
    target: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        kind = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{self.host or '*'}:{self.published}{kind}"


@dataclass(frozen=True, slots=True)
class Network:
    """A network that a service is attached to.

    Attributes:
        name: on the target.
        key: what the files call it; empty for one that they do not describe.
        config: digest of how it is to be made; empty where the files do not make it.
    """

    name: str
    key: str = ""
    config: str = ""


# Where inside, what from outside (of a volume its name), and whether it may write.
Mount: TypeAlias = tuple[str, str, bool]
# Among what a container inherits: mounts of which it is not known here where they are.
EVERYWHERE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchConfig:
    """How a container is started, as far as that can be compared with what runs.

    Attributes:
        command: its arguments; None where the image decides.
        argv: entrypoint and arguments, as far as they are known: the image may decide either.
        user: as it is written; empty where the image decides.
        variables: names of its environment.
        mounts: (where inside, what from outside; of a volume its name, empty for one that has
            none; whether it may write).
        inherited: names of variables and places of mounts that others bring (the image, a secret of
            the compose files): having them is not a difference.
        dropped, added: capabilities.
        no_new_privileges: whether it cannot gain privileges (`no-new-privileges`).
        read_only: whether its root file system is.
        privileged: whether it may do everything.
        settings: everything else, by the names of the compose-spec (`mem_limit`, `logging.driver`)
            → a text that both sources write in the same way. Of a service, what its files say; of
            a container, what the engine shows. Never shown as a whole: secrets may stand in it.
        by_default: of a container, the settings that are so where nothing is said of them.
    """

    command: tuple[str, ...] | None = None
    argv: tuple[str, ...] = ()
    user: str = ""
    variables: frozenset[str] = frozenset()
    mounts: frozenset[Mount] = frozenset()
    inherited: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    no_new_privileges: bool = False
    read_only: bool = False
    privileged: bool = False
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    by_default: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file that a container is given, and that is not in its image.

    Attributes:
        kind: `config` and `secret` of the compose files; `carried`: a copy of what the release
            carries; `host-file`: another file of the machine that is mounted.
        name: what the compose files call it; of a file of the machine its path.
        digest: keyed digest of its bytes; empty where there is nothing to be given.
        inside: where a copy of it lies inside; empty where it is mounted.
        source: what it is made from, in words; to be named where that is missing.
    """

    kind: Literal["config", "secret", "carried", "host-file"]
    name: str
    digest: str
    inside: str = ""
    source: str = ""

    def __str__(self) -> str:
        return f"{self.kind.replace('-', ' ')} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """How the containers of a service are replaced one after the other.

    Attributes:
        parallelism: how many at a time.
        start_first: whether the new ones are healthy before the old ones go.
        delay: seconds from one batch to the next.
    """

    parallelism: int = 1
    start_first: bool = False
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Service:
    """One service as the target would start it.

    Attributes:
        name: its name.
        image: the image reference, as text.
        config: digest over everything that reaches a container: another one replaces it.
        ports: what it publishes.
        port_ranges: ranges of ports, of each of which the platform takes one that is free.
        labels: the labels it would be given.
        launch: how it would be started.
        files: paths of the machine that it is given.
        replicas: how many containers it has.
        rolling: how they are replaced one after the other; None: all at once.
        networks: what they are attached to.
        waits_for_completion: the services that it waits for to do something once, and end.
        depends_on: the services that have to be there before it.
        restarts_with: of these the ones whose replacement it must not outlive (`restart: true`).
        ends: whether it is never started again automatically, which is said of what ends.
        job: how it is run to its end; None for a service that stays up.
        needs: what it needs from outside of its stack.
        profiles: the profiles that switch it on; empty for a service that is always on.
        variables: variable of its environment → digest of the value.
        keys: every other key of its configuration → digest of what stands there.
        contents: the files that it is given.
        key: name of the key that the digests were made with.
    """

    name: str
    image: str
    config: str
    ports: tuple[Port, ...] = ()
    port_ranges: tuple[tuple[Port, ...], ...] = ()
    labels: Mapping[str, str] | None = None
    launch: LaunchConfig = LaunchConfig()
    files: frozenset[str] = frozenset()
    replicas: int = 1
    rolling: Rolling | None = None
    networks: tuple[Network, ...] = ()
    waits_for_completion: frozenset[str] = frozenset()
    depends_on: frozenset[str] = frozenset()
    restarts_with: frozenset[str] = frozenset()
    ends: bool = False
    job: Job | None = None
    needs: Needs = NO_NEEDS
    profiles: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    contents: tuple[Content, ...] = ()
    key: str = ""

    @property
    def parts(self) -> Parts:
        """What its configuration is made of, as a container remembers it."""
        contents = {str(content): content.digest for content in self.contents}
        return Parts(self.key, self.variables, self.keys, contents)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a configuration, each as a digest, so that a difference can name the part.

    Attributes:
        key: name of the key that they were made with.
        variables, keys: see `Service`.
        contents: `config app.conf`, `secret token`, `host file /srv/x` → digest.
    """

    key: str = ""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    contents: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """What an engine calls the image of a container.

    The overlay2 store names the digest of the image's *config*; the containerd store that of its
    *manifest*, or of the index it came from. Unlike kinds are never compared.
    """

    kind: Literal["config", "manifest"]
    digest: str

    def expected(self, image: Image) -> str:
        """What a release records of an image, in this kind."""
        return image.config if self.kind == "config" else image.manifest

    def is_of(self, image: Image) -> bool:
        """Whether this is that image of a release."""
        if self.kind == "config":
            return self.digest == image.config
        return self.digest in (image.manifest, image.index)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One run of a health check.

    Attributes:
        at: when it began, as the target says it.
        passed: whether it passed.
        exit_code: with which it ended.
        output: what it printed, redacted.
    """

    at: str
    passed: bool
    exit_code: int = field(default=0, compare=False)
    output: str = field(default="", compare=False, repr=False)


_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True)
class Instance:
    """One running part of a service, as observed.

    Attributes:
        service: whose it is.
        id: the target's name for it.
        image: what its image is.
        state: `running`, `restarting`, `exited` …; `unreadable` where the target says of it what
            is not understood.
        health: of its health check; `none` where it has none.
        restarts: how often it was restarted automatically.
        exit_code: of its last exit.
        ended: when that was, UTC, ISO 8601; empty for one that runs, or where it is not known.
        stop_grace_period: seconds that it is given to end when it is stopped.
        managed: whether a release created it.
        release: digest of the release that created it.
        config: digest of the configuration that it was created with.
        parts: what that was made of; None where it does not say: an earlier version created it.
        health_output: what the last health check printed.
        healthcheck: the command that its health check runs, redacted; empty where there is none.
        checks: the last health checks, oldest first.
        healthcheck_interval: seconds in which one check follows another, at most; 0: there is no
            check.
        ports: what it publishes.
        replica_index: which of its service's containers it is; while one takes the place of another
            both have the same.
        networks: names of those that it is attached to.
        altered: what was changed of it after it was created, by the names of the compose-spec, as
            far as that was looked at.
        name: that it has on the target, and no other can.
        addresses: those that it asked for, each as `network/address`.
        slot: the generation of the stack that it belongs to; empty where there is only one.
        node: the machine that it runs on; empty where there is only one.
        created: when it was made, as a text that sorts by time; empty where that is not known.
    """

    service: str
    id: str
    image: Identity
    state: str
    health: Health
    restarts: int = 0
    exit_code: int = 0
    ended: str = ""
    stop_grace_period: float = 10.0
    managed: bool = True
    release: str = ""
    config: str = ""
    parts: Parts | None = None
    health_output: str = ""
    healthcheck: str = ""
    checks: tuple[HealthCheck, ...] = ()
    healthcheck_interval: float = 0.0
    ports: tuple[Port, ...] = ()
    replica_index: int = 1
    networks: frozenset[str] = frozenset()
    altered: tuple[str, ...] = ()
    name: str = ""
    addresses: frozenset[str] = frozenset()
    slot: str = ""
    node: str = ""
    created: str = ""

    @property
    def ready(self) -> bool:
        """Running, and healthy where there is a check."""
        return self.state == "running" and self.health in ("healthy", "none")

    @property
    def succeeded(self) -> bool:
        """Whether it ended with 0, as a job is to."""
        return self.state == "exited" and self.exit_code == 0

    def published_at(self, port: int, machine: str) -> str:
        """The address at which it publishes a TCP port, as `host:port`; empty where it does not.

        Args:
            port: inside of the container.
            machine: host name of the machine that it runs on, for what is published everywhere.
        """
        for mapping in self.ports:
            if (mapping.target, mapping.protocol) == (port, "tcp"):
                host = machine if mapping.host in _EVERYWHERE else mapping.host
                return f"{f'[{host}]' if ':' in host else host}:{mapping.published}"
        return ""


@dataclass(frozen=True, slots=True)
class Running:
    """Everything of a project that is on the target, running or not."""

    containers: tuple[Instance, ...] = ()

    def of(self, service: str, slot: str | None = None) -> tuple[Instance, ...]:
        """The containers of a service.

        Args:
            service: its name.
            slot: only those of this generation; None for those of all.
        """
        return tuple(
            c for c in self.containers if c.service == service and (slot is None or c.slot == slot)
        )

    def in_slot(self, slot: str) -> Running:
        """Only what belongs to one generation of the stack."""
        return Running(tuple(c for c in self.containers if c.slot == slot))

    @property
    def services(self) -> tuple[str, ...]:
        """The services that have containers, sorted."""
        return tuple(sorted({c.service for c in self.containers}))

    @property
    def names(self) -> Mapping[str, str]:
        """Container → what to call it: its service, with more where others would be called so."""
        per_service = Counter(c.service for c in self.containers)
        called = {
            c.id: c.service if per_service[c.service] == 1 else f"{c.service}-{c.replica_index}"
            for c in self.containers
        }
        times = Counter(called.values())
        return {
            id_: name if times[name] == 1 else f"{name}-{id_[:12]}" for id_, name in called.items()
        }
