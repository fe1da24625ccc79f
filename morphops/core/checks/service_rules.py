"""What each service of a production stack must be, as a table of rules. Pure.

They read a service as `docker compose config` renders it. A bundle may accept that a service breaks
one (`accept:`), and has to say why. Most are those of the CIS Docker Benchmark, section 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from morphops.core.checks.healthcheck import Weakness, strange_ports, weakness
from morphops.core.release.reference import is_pinned

Service: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str, ...]

_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+|::1")
# These rotate by themselves, or hand the lines to somebody who does.
_UNBOUNDED_DRIVERS = ("", "json-file")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: by which `accept:` names it.
        broken: the paths inside of a service at which it is broken; none when it holds.
        what: what is wrong, as it reads after the service's name.
        remedy: what to write.
    """

    name: str
    broken: Callable[[Service], Iterator[Path]]
    what: str
    remedy: str


def _unless(key: str, holds: Callable[[Any], bool]) -> Callable[[Service], Iterator[Path]]:
    """A rule on the value of one key."""

    def broken(service: Service) -> Iterator[Path]:
        if not holds(service.get(key)):
            yield (key,)

    return broken


def _never(*keys: str) -> Callable[[Service], Iterator[Path]]:
    """A rule that keys are not there."""

    def broken(service: Service) -> Iterator[Path]:
        yield from ((key,) for key in keys if service.get(key))

    return broken


def numeric_user(user: Any) -> bool:
    """Whether a user is named by number, and is neither root nor of root's group."""
    return bool(re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", str(user or "")))


def _host_namespaces(service: Service) -> Iterator[Path]:
    for key in ("network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup"):
        if service.get(key) == "host":
            yield (key,)


def _engine_socket(service: Service) -> Iterator[Path]:
    for number, mount in enumerate(service.get("volumes") or ()):
        if str(mount.get("source", "")).endswith(("docker.sock", "containerd.sock", "podman.sock")):
            yield ("volumes", str(number))


def _writable_binds(service: Service) -> Iterator[Path]:
    for number, mount in enumerate(service.get("volumes") or ()):
        if mount.get("type") == "bind" and not mount.get("read_only"):
            yield ("volumes", str(number))


def _created_host_paths(service: Service) -> Iterator[Path]:
    for number, mount in enumerate(service.get("volumes") or ()):
        # Compose up to 2.3x leaves `false` out of what it renders, and the empty `bind` behind.
        bind = mount.get("bind")
        if mount.get("type") == "bind" and (bind is None or bind.get("create_host_path")):
            yield ("volumes", str(number), "bind", "create_host_path")


def _open_ports(service: Service) -> Iterator[Path]:
    for number, port in enumerate(service.get("ports") or ()):
        if not _LOOPBACK.fullmatch(port.get("host_ip") or ""):
            yield ("ports", str(number))


def _privileges_regained(service: Service) -> Iterator[Path]:
    options = [str(option).replace("=", ":") for option in service.get("security_opt") or ()]
    if not {"no-new-privileges", "no-new-privileges:true"} & set(options):
        yield ("security_opt",)
    for number, option in enumerate(options):
        if option.endswith(":unconfined"):
            yield ("security_opt", str(number))


def _unlimited_memory(service: Service) -> Iterator[Path]:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    if not int(service.get("mem_limit") or limits.get("memory") or 0):
        yield ("mem_limit",)


def _unlimited_processes(service: Service) -> Iterator[Path]:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    if int(service.get("pids_limit") or limits.get("pids") or 0) <= 0:
        yield ("pids_limit",)


def _unbounded_logs(service: Service) -> Iterator[Path]:
    logging = service.get("logging") or {}
    options = logging.get("options") or {}
    if logging.get("driver", "") in _UNBOUNDED_DRIVERS:
        for key in ("max-size", "max-file"):
            if not options.get(key):
                yield ("logging", "options", key)
                return
    elif logging["driver"] == "none":
        yield ("logging", "driver")


def _waits_for(condition: str) -> Callable[[Service], Iterator[Path]]:
    def broken(service: Service) -> Iterator[Path]:
        for name, dependency in (service.get("depends_on") or {}).items():
            if dependency.get("condition") == condition:
                yield ("depends_on", name)

    return broken


def _health(weak: Weakness) -> Callable[[Service], Iterator[Path]]:
    def broken(service: Service) -> Iterator[Path]:
        if weakness(service.get("healthcheck")) == weak:
            yield ("healthcheck", "test")

    return broken


def _strange_port(service: Service) -> Iterator[Path]:
    if strange_ports(service):
        yield ("healthcheck", "test")


_HEALTH = 'look at what the service says: case "$$(curl -fsS …)" in *\'"status":"ok"\'*) …'

RULES: tuple[Rule, ...] = (
    Rule(
        "digest",
        _unless("image", lambda image: is_pinned(image or "")),
        "has an image that is not named by digest",
        "write repository@sha256:<64 hex digits>, or ${VARIABLE:?…} of one of the bundle's images",
    ),
    Rule("build", _never("build"), "is built where it runs", "leave build out: `inv build` builds"),
    Rule(
        "user",
        _unless("user", numeric_user),
        "runs as root, in root's group, or as a user that the image decides",
        'write user: "10001:10001", by number',
    ),
    Rule(
        "read-only",
        _unless("read_only", bool),
        "can write to its root file system",
        "write read_only: true, and tmpfs for what it must write",
    ),
    Rule(
        "capabilities",
        _unless("cap_drop", lambda dropped: "ALL" in (dropped or ())),
        "keeps the engine's default capabilities",
        "write cap_drop: [ALL]",
    ),
    Rule("capabilities", _never("cap_add"), "is given capabilities", "leave cap_add out"),
    Rule(
        "new-privileges",
        _privileges_regained,
        "can gain privileges, or is not confined",
        'write security_opt: ["no-new-privileges:true"] and nothing unconfined',
    ),
    Rule("privileged", _never("privileged"), "is privileged", "leave privileged out"),
    Rule("devices", _never("devices", "device_cgroup_rules"), "has devices", "leave them out"),
    Rule("host", _host_namespaces, "shares a namespace of the host", "leave it out"),
    Rule("socket", _engine_socket, "holds the engine's socket, which is root", "leave it out"),
    Rule(
        "restart",
        _unless("restart", lambda r: str(r or "").partition(":")[0] not in ("", "no")),
        "stays down after a crash or a reboot",
        "write restart: unless-stopped",
    ),
    Rule("memory", _unlimited_memory, "may take all memory", "write mem_limit"),
    Rule("processes", _unlimited_processes, "may start any number of processes", "pids_limit"),
    Rule(
        "logs",
        _unbounded_logs,
        "has logs that fill the disk, or none",
        "write logging: {driver: json-file, options: {max-size: 10m, max-file: '3'}}",
    ),
    Rule("init", _unless("init", bool), "has nobody to reap its children", "write init: true"),
    Rule("health", _health("missing"), "has no health check, so no gate can wait for it", _HEALTH),
    Rule("health", _health("toothless"), "has a health check that cannot fail", _HEALTH),
    Rule(
        "health-content",
        _health("shallow"),
        "has a health check that takes any answer for a good one",
        _HEALTH,
    ),
    Rule(
        "health-port",
        _strange_port,
        "has a health check that asks a port which is none of its own",
        "ask one of its ports; or write expose: [the port], where it does listen there",
    ),
    Rule(
        "loopback",
        _open_ports,
        "publishes a port beyond this machine by default",
        'write "${…_BIND_HOST:-127.0.0.1}:…", and let the env file say otherwise',
    ),
    Rule("bind", _writable_binds, "can write to a folder of the host", "write read_only: true"),
    Rule(
        "host-path",
        _created_host_paths,
        "would start with an empty folder where the host's is missing",
        "write type: bind with bind: {create_host_path: false}",
    ),
    Rule(
        "order",
        _waits_for("service_started"),
        "waits for a start, and not for health",
        "write condition: service_healthy",
    ),
    Rule(
        "one-shot",
        _waits_for("service_completed_successfully"),
        "waits for another to end, and a deploy refuses that: each service of a release stays up",
        "let the service itself do it before it is healthy, or a before-deploy hook",
    ),
    Rule(
        "name",
        _never("container_name"),
        "has a fixed name, so that no second one can stand beside it",
        "leave container_name out",
    ),
)
