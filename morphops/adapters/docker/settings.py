"""What a service asks for, and what the engine shows of a container, setting by setting. Pure.

`docker update` and `docker network connect` change a container whose labels stay what they were. So
its labels alone prove nothing: what the engine shows is compared as well. A row of the tables is
one setting, by the name of the compose-spec; it has the same text from both sources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from morphops.adapters.docker.labels import OURS

Document: TypeAlias = Mapping[str, Any]
# A setting, its text, and whether it is so by default.
Found: TypeAlias = tuple[str, str, bool]

_COMPOSE = "com.docker.compose."
_DURATION = re.compile(r"([\d.]+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNLIMITED = ("0", "-1", "")


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine describes it, with the configuration of its image."""

    inspected: Document
    image: Document

    @property
    def config(self) -> Document:
        found: Document = self.inspected["Config"]
        return found

    @property
    def host(self) -> Document:
        found: Document = self.inspected["HostConfig"]
        return found


@dataclass(frozen=True, slots=True)
class Row:
    """One setting.

    Attributes:
        name: by the compose-spec.
        wanted: what a service says of it, in its normal form; None for nothing.
        found: what the engine shows.
        default: whether that is so where nothing is said of it.
    """

    name: str
    wanted: Callable[[Document], Any]
    found: Callable[[Container], Any]
    default: Callable[[Container, str], bool]


def wanted(plain: Document, service: str) -> dict[str, str]:
    """Return what a service says of its settings, as far as a container shows them.

    Args:
        plain: the service in its normal form, with networks by their names on the engine.
        service: its name, by which others reach it on each of its networks.
    """
    rows = {row.name: row.wanted(plain) for row in ROWS}
    said = {name: _text(value) for name, value in rows.items() if value is not None}
    attachments = _wanted_attachments(plain.get("networks") or {}, service)
    return said | dict(_wanted_entries(plain)) | dict(attachments)


def found(container: Container) -> tuple[dict[str, str], frozenset[str]]:
    """Return the settings of a container, and those of them that need not have been said."""
    rows: list[Found] = []
    for row in ROWS:
        text = _text(row.found(container))
        rows.append((row.name, text, row.default(container, text)))
    rows += _found_entries(container)
    return {name: text for name, text, _ in rows}, frozenset(n for n, _, so in rows if so)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else json.dumps(value, sort_keys=True)


def _plain(text: str) -> str:
    # What Compose renders can be read by Compose again, so each dollar stands twice.
    return text.replace("$$", "$")


def _words(value: Any) -> list[str] | None:
    return None if value is None else [_plain(str(word)) for word in value]


def _limits(spec: Document, kind: str = "limits") -> Document:
    resources = (spec.get("deploy") or {}).get("resources") or {}
    return resources.get(kind) or {}


def seconds(text: str) -> float:
    """Return a duration of Compose (`1m30s`) in seconds."""
    return sum(float(n) * _SECONDS[unit] for n, unit in _DURATION.findall(text))


def _nanoseconds(text: str | None) -> str | None:
    return None if text is None else str(round(seconds(text) * 1e9))


def _cpus(spec: Document) -> str | None:
    said = spec.get("cpus") or _limits(spec).get("cpus")
    return None if said is None else str(round(float(said) * 1e9))


def _swap_by_default(container: Container, text: str) -> bool:
    # The engine gives as much swap as memory, where it can.
    return text in (*_UNLIMITED, str(2 * int(container.host.get("Memory") or 0)))


def _restart(spec: Document) -> str | None:
    """`name:count`, as in `restart` (compose-spec); `deploy.restart_policy` where that is unset."""
    said = spec.get("restart")
    if said is not None:
        return "no" if said == "none" else str(said)
    policy = (spec.get("deploy") or {}).get("restart_policy")
    if policy is None:
        return None
    condition = policy.get("condition") or "any"
    name = {"none": "no", "any": "always"}.get(condition, condition)
    return _policy(name, policy.get("max_attempts") or 0)


def _policy(name: str, most: Any) -> str:
    return f"{name}:{most}" if int(most or 0) and name == "on-failure" else name


def _found_restart(container: Container) -> str:
    policy = container.host.get("RestartPolicy") or {}
    return _policy(policy.get("Name") or "no", policy.get("MaximumRetryCount"))


def _published(spec: Document) -> list[str] | None:
    ports = spec.get("ports")
    # Of a range, or of no number, the engine chooses one.
    if ports is None or not all(str(p.get("published") or "").isdigit() for p in ports):
        return None
    return sorted(
        f"{p.get('host_ip') or ''}:{p['published']}:{p['target']}/{p['protocol']}" for p in ports
    )


def _found_ports(container: Container) -> list[str]:
    return sorted(
        f"{host.get('HostIp') or ''}:{host.get('HostPort') or ''}:{target}"
        for target, hosts in (container.host.get("PortBindings") or {}).items()
        for host in hosts or ()
    )


def _devices(spec: Document) -> list[str] | None:
    said = spec.get("devices")
    # Those of another kind (CDI) are no path.
    if said is None or not all(d["source"].startswith("/") for d in said):
        return None
    return sorted(f"{d['source']}:{d['target']}:{d['perms']}" for d in said)


def _found_devices(container: Container) -> list[str]:
    return sorted(
        f"{d.get('PathOnHost')}:{d.get('PathInContainer')}:{d.get('CgroupPermissions')}"
        for d in container.host.get("Devices") or ()
    )


def _tmpfs(spec: Document) -> list[str] | None:
    said = spec.get("tmpfs")
    return None if said is None else sorted(str(row).partition(":")[0] for row in said)


def _mode(key: str) -> Callable[[Document], str | None]:
    """A namespace; that of another service is named by a container, which changes."""

    def said(spec: Document) -> str | None:
        mode = spec.get(key)
        return None if mode is None or ":" in str(mode) else str(mode)

    return said


def _always(container: Container, text: str) -> bool:
    return True


def _is(*texts: str) -> Callable[[Container, str], bool]:
    return lambda container, text: text in texts


def _of_image(key: str, *others: str) -> Callable[[Container, str], bool]:
    return lambda container, text: text in (*others, _text(container.image.get(key)))


def _said(key: str) -> Callable[[Document], Any]:
    return lambda spec: spec.get(key)


def _host(key: str) -> Callable[[Container], Any]:
    return lambda container: container.host.get(key)


def _own(key: str) -> Callable[[Container], Any]:
    return lambda container: container.config.get(key)


def _number(key: str) -> Callable[[Container], str]:
    return lambda container: str(container.host.get(key) or 0)


def _flag(key: str) -> Callable[[Container], bool]:
    return lambda container: bool(container.config.get(key))


def _rows(key: str) -> Callable[[Container], list[str]]:
    return lambda container: sorted(map(str, container.host.get(key) or ()))


def _sorted(key: str) -> Callable[[Document], list[str] | None]:
    return lambda spec: sorted(map(str, spec[key])) if key in spec else None


ROWS: tuple[Row, ...] = (
    Row("cgroup", _said("cgroup"), _host("CgroupnsMode"), _always),
    Row("cgroup_parent", _said("cgroup_parent"), _host("CgroupParent"), _is("")),
    Row(
        "container_name",
        _said("container_name"),
        lambda c: str(c.inspected.get("Name") or "").removeprefix("/"),
        _always,
    ),
    Row("cpu_period", _said("cpu_period"), _number("CpuPeriod"), _is("0")),
    Row("cpu_quota", _said("cpu_quota"), _number("CpuQuota"), _is("0")),
    Row("cpu_rt_period", _said("cpu_rt_period"), _number("CpuRealtimePeriod"), _is("0")),
    Row("cpu_rt_runtime", _said("cpu_rt_runtime"), _number("CpuRealtimeRuntime"), _is("0")),
    Row("cpu_shares", _said("cpu_shares"), _number("CpuShares"), _is("0")),
    Row("cpus", _cpus, _number("NanoCpus"), _is("0")),
    Row("cpuset", _said("cpuset"), _host("CpusetCpus"), _is("")),
    Row(
        "device_cgroup_rules",
        _sorted("device_cgroup_rules"),
        _rows("DeviceCgroupRules"),
        _is("[]"),
    ),
    Row("devices", _devices, _found_devices, _is("[]")),
    Row("dns", _said("dns"), lambda c: list(c.host.get("Dns") or ()), _is("[]")),
    Row("dns_opt", _sorted("dns_opt"), _rows("DnsOptions"), _is("[]")),
    Row(
        "dns_search", _said("dns_search"), lambda c: list(c.host.get("DnsSearch") or ()), _is("[]")
    ),
    Row("domainname", _said("domainname"), _own("Domainname"), _is("")),
    Row(
        "entrypoint",
        lambda s: _words(s.get("entrypoint")),
        _own("Entrypoint"),
        _of_image("Entrypoint", "[]"),
    ),
    Row(
        "extra_hosts",
        _said("extra_hosts"),
        lambda c: sorted(row.replace(":", "=", 1) for row in c.host.get("ExtraHosts") or ()),
        _is("[]"),
    ),
    Row("group_add", _sorted("group_add"), _rows("GroupAdd"), _is("[]")),
    Row("hostname", _said("hostname"), _own("Hostname"), _always),
    Row("init", _said("init"), lambda c: bool(c.host.get("Init")), _always),
    Row("ipc", _mode("ipc"), _host("IpcMode"), _always),
    Row(
        "logging.driver",
        lambda s: (s.get("logging") or {}).get("driver"),
        lambda c: (c.host.get("LogConfig") or {}).get("Type"),
        _always,
    ),
    Row(
        "mem_limit",
        lambda s: s.get("mem_limit") or _limits(s).get("memory"),
        _number("Memory"),
        _is("0"),
    ),
    Row(
        "mem_reservation",
        lambda s: s.get("mem_reservation") or _limits(s, "reservations").get("memory"),
        _number("MemoryReservation"),
        _is("0"),
    ),
    Row("memswap_limit", _said("memswap_limit"), _number("MemorySwap"), _swap_by_default),
    Row("network_mode", _mode("network_mode"), _host("NetworkMode"), _always),
    Row("oom_score_adj", _said("oom_score_adj"), _number("OomScoreAdj"), _is("0")),
    Row("pid", _mode("pid"), _host("PidMode"), _is("")),
    Row(
        "pids_limit",
        lambda s: s.get("pids_limit") or _limits(s).get("pids"),
        _number("PidsLimit"),
        _is(*_UNLIMITED),
    ),
    Row("ports", _published, _found_ports, _is("[]")),
    Row("restart", _restart, _found_restart, _is("no")),
    Row("runtime", _said("runtime"), _host("Runtime"), _always),
    Row("shm_size", _said("shm_size"), _number("ShmSize"), _always),
    Row("stdin_open", _said("stdin_open"), _flag("OpenStdin"), _is("false")),
    Row(
        "stop_grace_period",
        lambda s: (
            None
            if s.get("stop_grace_period") is None
            else str(int(seconds(s["stop_grace_period"])))
        ),
        _own("StopTimeout"),
        _is(""),
    ),
    Row(
        "stop_signal",
        _said("stop_signal"),
        _own("StopSignal"),
        _of_image("StopSignal", "", "SIGTERM"),
    ),
    Row("tmpfs", _tmpfs, lambda c: sorted(c.host.get("Tmpfs") or ()), _is("[]")),
    Row("tty", _said("tty"), _flag("Tty"), _is("false")),
    Row("userns_mode", _said("userns_mode"), _host("UsernsMode"), _always),
    Row("uts", _said("uts"), _host("UTSMode"), _is("")),
    Row(
        "working_dir",
        _said("working_dir"),
        _own("WorkingDir"),
        _of_image("WorkingDir", "", "/"),
    ),
)


def _wanted_entries(spec: Document) -> Iterator[tuple[str, str]]:
    """The settings that have names of their own: labels, variables, options …"""
    for key in ("labels", "environment", "sysctls", "annotations", "storage_opt"):
        for name, value in (spec.get(key) or {}).items():
            if value is not None:
                yield f"{key}.{name}", _plain(str(value))
    for name, value in ((spec.get("logging") or {}).get("options") or {}).items():
        yield f"logging.options.{name}", _plain(str(value))
    for name, limit in (spec.get("ulimits") or {}).items():
        yield f"ulimits.{name}", f"{limit['soft']}:{limit['hard']}"
    for name, value in _wanted_check(spec.get("healthcheck") or {}):
        yield f"healthcheck.{name}", value


def _wanted_attachments(networks: Document, service: str) -> Iterator[tuple[str, str]]:
    for network, how in networks.items():
        attached = how.get("attached") or {}
        for alias in (service, *(attached.get("aliases") or ())):
            yield f"networks.{network}.aliases.{alias}", ""
        for key in ("ipv4_address", "ipv6_address"):
            if attached.get(key):
                yield f"networks.{network}.{key}", str(attached[key])


def _wanted_check(spec: Document) -> Iterator[tuple[str, str]]:
    if spec.get("disable") == "true":
        yield "test", _text(["NONE"])
    elif spec.get("test") is not None:
        yield "test", _text(_words(spec["test"]))
    for key in ("interval", "timeout", "start_period", "start_interval"):
        if spec.get(key) is not None:
            yield key, _nanoseconds(spec[key]) or "0"
    if spec.get("retries") is not None:
        yield "retries", str(spec["retries"])


def _found_entries(container: Container) -> Iterator[Found]:
    config, host, image = container.config, container.host, container.image
    own = {
        name: value
        for name, value in (config.get("Labels") or {}).items()
        if name not in OURS and not name.startswith(_COMPOSE)
    }
    yield from _entries("labels", own, image.get("Labels"))
    variables = _variables(config.get("Env"))
    # Names that were not asked for are told apart.
    yield from ((f"environment.{name}", value, True) for name, value in variables.items())
    for key, where in (
        ("sysctls", "Sysctls"), ("annotations", "Annotations"), ("storage_opt", "StorageOpt")
    ):  # fmt: skip
        yield from _entries(key, host.get(where))
    options = (host.get("LogConfig") or {}).get("Config") or {}
    yield from ((f"logging.options.{name}", str(value), True) for name, value in options.items())
    for limit in host.get("Ulimits") or ():
        # The engine may have defaults of its own.
        yield f"ulimits.{limit.get('Name')}", f"{limit.get('Soft')}:{limit.get('Hard')}", True
    yield from _found_check(config.get("Healthcheck") or {}, image.get("Healthcheck") or {})
    networks = (container.inspected.get("NetworkSettings") or {}).get("Networks") or {}
    for network, how in networks.items():
        for alias in (how or {}).get("Aliases") or ():
            yield f"networks.{network}.aliases.{alias}", "", True
        asked = (how or {}).get("IPAMConfig") or {}
        yield f"networks.{network}.ipv4_address", str(asked.get("IPv4Address") or ""), True
        yield f"networks.{network}.ipv6_address", str(asked.get("IPv6Address") or ""), True


def _entries(key: str, there: Any, by_default: Any = None) -> Iterator[Found]:
    defaults = by_default or {}
    for name, value in (there or {}).items():
        yield f"{key}.{name}", str(value), defaults.get(name) == value


def _found_check(check: Document, image: Document) -> Iterator[Found]:
    for name, key in (
        ("interval", "Interval"), ("timeout", "Timeout"), ("start_period", "StartPeriod"),
        ("start_interval", "StartInterval"), ("retries", "Retries"),
    ):  # fmt: skip
        value = check.get(key) or 0
        yield f"healthcheck.{name}", str(value), value == (image.get(key) or 0)
    test = _text(check.get("Test"))
    yield "healthcheck.test", test, test == _text(image.get("Test"))


def _variables(lines: Any) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines or ())
    return {name: value for name, _, value in pairs}
