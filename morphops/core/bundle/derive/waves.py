"""Which services are jobs, and in which order services are started. Pure.

compose-spec, "depends_on", "links", "volumes_from", "network_mode", "ipc", "pid".
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from morphops.errors import ConfigError

Services = Mapping[str, Mapping[str, Any]]

ENDED = "service_completed_successfully"
_DEADLINE = 120  # seconds

_SHARED = ("network_mode", "ipc", "pid", "uts")
_SERVICE = "service:"

# Of a health check where the compose file says nothing (Docker's "HEALTHCHECK"), in seconds.
_INTERVAL, _TIMEOUT, _RETRIES = 30.0, 30.0, 3.0
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def jobs(services: Services) -> tuple[str, ...]:
    """The services whose end another one waits for, in the order of the files."""
    awaited = {
        name
        for service in services.values()
        for name, spec in (service.get("depends_on") or {}).items()
        if spec.get("condition") == ENDED
    }
    return tuple(name for name in services if name in awaited)


def dependencies(service: Mapping[str, Any]) -> Iterator[str]:
    """The services that Compose starts before this one."""
    yield from service.get("depends_on") or {}
    for link in service.get("links") or ():
        yield str(link).partition(":")[0]
    for source in service.get("volumes_from") or ():
        if not str(source).startswith("container:"):
            yield str(source).partition(":")[0]
    for key in _SHARED:
        mode = str(service.get(key) or "")
        if mode.startswith(_SERVICE):
            yield mode.removeprefix(_SERVICE)


def levels(services: Services) -> dict[str, int]:
    """How many services, one behind the other, are started before each.

    Raises:
        ConfigError: services wait for each other in a circle.
    """
    found: dict[str, int] = {}
    for name in services:
        _level(name, services, found, ())
    return found


def _level(name: str, services: Services, found: dict[str, int], path: tuple[str, ...]) -> int:
    if name in path:
        circle = " → ".join((*path[path.index(name) :], name))
        raise ConfigError(
            f"services wait for each other in a circle: {circle}",
            state="nothing was changed",
            hint="remove one of these dependencies from the compose file",
        )
    if name not in found:
        below = [
            _level(other, services, found, (*path, name))
            for other in dependencies(services[name])
            if other in services
        ]
        found[name] = max(below, default=-1) + 1
    return found[name]


def waves(
    services: Services, ends: Collection[str], probes: Mapping[str, Collection[str]]
) -> list[dict[str, Any]]:
    """The waves: each service behind all that it depends on, and jobs in waves of their own.

    Args:
        services: of all profiles.
        ends: the jobs among them.
        probes: name → the services that must run for it.

    Raises:
        ConfigError: services wait for each other in a circle.
    """
    level = levels(services)
    made: list[dict[str, Any]] = []
    for number in range(max(level.values(), default=-1) + 1):
        here = [name for name in services if level[name] == number]
        # A job that changes data comes before services that nothing orders behind it.
        groups = ([n for n in here if n in ends], [n for n in here if n not in ends])
        made += [_wave(group, services) for group in groups if group]
    place = {name: n for n, wave in enumerate(made) for name in wave["services"]}
    for probe, needs in probes.items():
        after = max((place[name] for name in needs if name in place), default=None)
        if after is not None:
            made[after].setdefault("probes", []).append(probe)
    return made


def _wave(names: list[str], services: Services) -> dict[str, Any]:
    return {"services": names, "deadline": deadline(services[name] for name in names)}


def deadline(services: Iterable[Mapping[str, Any]]) -> int:
    """Seconds in which a wave must be healthy: more where its health checks may take longer."""
    return max([_DEADLINE, *(math.ceil(_longest(service)) for service in services)])


def has_health_check(service: Mapping[str, Any]) -> bool:
    """Whether the compose files give a service a health check."""
    check = service.get("healthcheck") or {}
    is_off = str(check.get("disable", "")).lower() == "true"
    return bool(check.get("test")) and not is_off and check["test"] != ["NONE"]


def _longest(service: Mapping[str, Any]) -> float:
    """Seconds until an engine calls a service unhealthy at the latest."""
    if not has_health_check(service):
        return 0.0
    check = service["healthcheck"]
    interval = seconds(check.get("interval"), _INTERVAL)
    timeout = seconds(check.get("timeout"), _TIMEOUT)
    retries = str(check.get("retries") or "")
    times = float(retries) if retries.isdigit() else _RETRIES
    return seconds(check.get("start_period"), 0.0) + times * interval + timeout


def seconds(text: Any, default: float) -> float:
    """A duration of a compose file (`1m30s`) in seconds; the default where it says none."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)", str(text or ""))
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else default
