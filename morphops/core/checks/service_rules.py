"""What each service of a production stack must be, as a table of rules. Pure.

They read a service as `docker compose config` renders it. A bundle may accept that a service breaks
one (`accept:`), and has to say why. Most are those of the CIS Docker Benchmark, section 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from morphops.core.checks.healthcheck import Weakness, strange_ports, weakness
from morphops.core.release.reference import is_pinned
from morphops.core.rule import Breach, Path, Rule, at

Service: TypeAlias = Mapping[str, Any]
Broken: TypeAlias = Callable[[Service], Iterator[Breach[Path]]]

_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+|::1")
# Others rotate on their own, or send the lines to something that does.
_UNBOUNDED_DRIVERS = ("", "json-file")


def _unless(key: str, holds: Callable[[Any], bool]) -> Broken:
    """A rule on the value of one key."""

    def broken(service: Service) -> Iterator[Breach[Path]]:
        if not holds(service.get(key)):
            yield at(key)

    return broken


def _never(*keys: str) -> Broken:
    """A rule that keys are not there."""

    def broken(service: Service) -> Iterator[Breach[Path]]:
        yield from (at(key) for key in keys if service.get(key))

    return broken


def numeric_user(user: Any) -> bool:
    """Whether a user is named by number, and is neither root nor of root's group."""
    return bool(re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", str(user or "")))


def _host_namespaces(service: Service) -> Iterator[Breach[Path]]:
    for key in ("network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup"):
        if service.get(key) == "host":
            yield at(key)


def _engine_socket(service: Service) -> Iterator[Breach[Path]]:
    for number, mount in enumerate(service.get("volumes") or ()):
        if str(mount.get("source", "")).endswith(("docker.sock", "containerd.sock", "podman.sock")):
            yield at("volumes", str(number))


def _writable_binds(service: Service) -> Iterator[Breach[Path]]:
    for number, mount in enumerate(service.get("volumes") or ()):
        if mount.get("type") == "bind" and not mount.get("read_only"):
            yield at("volumes", str(number))


def _created_host_paths(service: Service) -> Iterator[Breach[Path]]:
    for number, mount in enumerate(service.get("volumes") or ()):
        # Compose up to 2.3x leaves `false` out of what it renders, and the empty `bind` behind.
        bind = mount.get("bind")
        if mount.get("type") == "bind" and (bind is None or bind.get("create_host_path")):
            yield at("volumes", str(number), "bind", "create_host_path")


def _open_ports(service: Service) -> Iterator[Breach[Path]]:
    for number, port in enumerate(service.get("ports") or ()):
        if not _LOOPBACK.fullmatch(port.get("host_ip") or ""):
            yield at("ports", str(number))


def _privileges_regained(service: Service) -> Iterator[Breach[Path]]:
    options = [str(option).replace("=", ":") for option in service.get("security_opt") or ()]
    if not {"no-new-privileges", "no-new-privileges:true"} & set(options):
        yield at("security_opt")
    for number, option in enumerate(options):
        if option.endswith(":unconfined"):
            yield at("security_opt", str(number))


def _unlimited_memory(service: Service) -> Iterator[Breach[Path]]:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    if not int(service.get("mem_limit") or limits.get("memory") or 0):
        yield at("mem_limit")


def _unlimited_processes(service: Service) -> Iterator[Breach[Path]]:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    if int(service.get("pids_limit") or limits.get("pids") or 0) <= 0:
        yield at("pids_limit")


def _unbounded_logs(service: Service) -> Iterator[Breach[Path]]:
    logging = service.get("logging") or {}
    options = logging.get("options") or {}
    if logging.get("driver", "") in _UNBOUNDED_DRIVERS:
        for key in ("max-size", "max-file"):
            if not options.get(key):
                yield at("logging", "options", key)
                return
    elif logging["driver"] == "none":
        yield at("logging", "driver")


def _waits_for(condition: str) -> Broken:
    def broken(service: Service) -> Iterator[Breach[Path]]:
        for name, dependency in (service.get("depends_on") or {}).items():
            if dependency.get("condition") == condition:
                yield at("depends_on", name)

    return broken


def _health(weak: Weakness) -> Broken:
    def broken(service: Service) -> Iterator[Breach[Path]]:
        if weakness(service.get("healthcheck")) == weak:
            yield at("healthcheck", "test")

    return broken


def _strange_port(service: Service) -> Iterator[Breach[Path]]:
    if strange_ports(service):
        yield at("healthcheck", "test")


_HEALTH = 'compare what the service answers: case "$$(curl -fsS …)" in *\'"status":"ok"\'*) …'

RULES: tuple[Rule[Service, Path], ...] = (
    Rule(
        "digest",
        _unless("image", lambda image: is_pinned(image or "")),
        "has an image that is not named by digest",
        "write repository@sha256:<64 hex digits>, or ${{VARIABLE:?…}} of an image of the bundle",
    ),
    Rule(
        "build",
        _never("build"),
        "is built where it runs",
        "remove build; `inv build` builds the images",
    ),
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
    Rule("capabilities", _never("cap_add"), "is given capabilities", "remove cap_add"),
    Rule(
        "new-privileges",
        _privileges_regained,
        "can gain privileges, or is not confined",
        'write security_opt: ["no-new-privileges:true"] and nothing unconfined',
    ),
    Rule("privileged", _never("privileged"), "is privileged", "remove privileged"),
    Rule(
        "devices",
        _never("devices", "device_cgroup_rules"),
        "has devices of the host",
        "remove them",
    ),
    Rule("host", _host_namespaces, "shares a namespace of the host", "remove it"),
    Rule(
        "socket",
        _engine_socket,
        "mounts the engine's socket, which gives root on the host",
        "remove it",
    ),
    Rule(
        "restart",
        _unless("restart", lambda r: str(r or "").partition(":")[0] not in ("", "no")),
        "stays down after a crash or a reboot",
        "write restart: unless-stopped; if it is to end, name it under jobs: in the bundle",
    ),
    Rule("memory", _unlimited_memory, "may take all memory", "write mem_limit"),
    Rule(
        "processes", _unlimited_processes, "may start any number of processes", "write pids_limit"
    ),
    Rule(
        "logs",
        _unbounded_logs,
        "has logs that fill the disk, or no logs",
        "write logging: {{driver: json-file, options: {{max-size: 10m, max-file: '3'}}}}",
    ),
    Rule(
        "init",
        _unless("init", bool),
        "has no init process to reap its children",
        "write init: true",
    ),
    Rule("health", _health("missing"), "has no health check, so no gate can wait for it", _HEALTH),
    Rule("health", _health("toothless"), "has a health check that cannot fail", _HEALTH),
    Rule(
        "health-content",
        _health("shallow"),
        "has a health check that accepts any answer",
        _HEALTH,
    ),
    Rule(
        "health-port",
        _strange_port,
        "has a health check that uses a port which the service does not expose",
        "use one of its ports, or write expose: [the port] if it listens there",
    ),
    Rule(
        "loopback",
        _open_ports,
        "publishes a port beyond this machine by default",
        'write "${{…_BIND_HOST:-127.0.0.1}}:…", and let the env file say otherwise',
    ),
    Rule("bind", _writable_binds, "can write to a folder of the host", "write read_only: true"),
    Rule(
        "host-path",
        _created_host_paths,
        "starts with an empty folder if the host's is missing",
        "write type: bind with bind: {{create_host_path: false}}",
    ),
    Rule(
        "order",
        _waits_for("service_started"),
        "waits for a start, not for health",
        "write condition: service_healthy",
    ),
    Rule(
        "name",
        _never("container_name"),
        "has a fixed name, so a second instance cannot run beside it",
        "remove container_name",
    ),
)

# A job ends, and is judged by its exit code.
_OF_WHAT_STAYS = ("restart", "health", "health-content", "health-port")
OF_JOBS: tuple[Rule[Service, Path], ...] = (
    *(rule for rule in RULES if rule.name not in _OF_WHAT_STAYS),
    Rule(
        "job-restart",
        _unless("restart", lambda r: str(r or "") not in ("always", "unless-stopped")),
        "is a job, and would be started again when it has ended",
        'write restart: "no"',
    ),
)
