"""One form for what Compose renders, whichever version rendered it. Pure.

Versions differ in what they write out: a null or nothing, `0.5` or `"0.5"`, `a:1.2.3.4` or
`a=1.2.3.4`, the place of a secret or not. None of that is a difference of what is started.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

Spec: TypeAlias = Mapping[str, Any]

# What no container gets: when others start, what is built, pulled or watched, and how many there
# are. docs/reference/compared.md says why, key by key.
NOT_OF_A_CONTAINER = frozenset([
    "attach", "build", "depends_on", "develop", "profiles", "pull_policy", "pull_refresh_after",
    "scale",
])  # fmt: skip
# The rest of `deploy` is for Swarm alone, or `replicas`.
_OF_DEPLOY = ("resources", "restart_policy")
# Here a null, or an empty list, says something.
_SPEAKING = ("environment", "command", "entrypoint")
_SECRETS = "/run/secrets"
_HOST = re.compile("[=:]")


def normal(spec: Spec) -> dict[str, Any]:
    """Return a service as every version of Compose could have rendered it.

    Args:
        spec: as one of them did (`docker compose config --format json`, `services`).
    """
    kept = {k: v for k, v in spec.items() if k not in NOT_OF_A_CONTAINER and not _extends(k)}
    found = {k: _KEYS[k](v) if k in _KEYS and v is not None else v for k, v in kept.items()}
    plain = {k: _scalars(v) if k in _SPEAKING else _whole(_scalars(v)) for k, v in found.items()}
    return {k: v for k, v in plain.items() if v is not None and not _says_nothing(k, v)}


def _extends(key: str) -> bool:
    return key.startswith("x-")


def _says_nothing(key: str, value: Any) -> bool:
    return value in ({}, []) and key not in ("command", "entrypoint")


def _scalars(value: Any) -> Any:
    """Numbers and truths as text: Compose writes them either way."""
    if isinstance(value, Mapping):
        return {str(k): _scalars(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_scalars(v) for v in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value) if isinstance(value, int) else value


def _whole(value: Any) -> Any:
    """Without what says nothing."""
    if isinstance(value, Mapping):
        kept = {k: _whole(v) for k, v in value.items() if not _extends(k)}
        return {k: v for k, v in kept.items() if v is not None and v not in ({}, [])}
    return [_whole(v) for v in value] if isinstance(value, list) else value


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _set(value: Any) -> list[str]:
    return sorted(map(str, _list(value)))


def _deploy(value: Spec) -> dict[str, Any]:
    return {key: value[key] for key in _OF_DEPLOY if key in value}


def _hosts(value: Any) -> list[str]:
    """`name=address`, sorted (compose-spec, `extra_hosts`)."""
    if isinstance(value, Mapping):
        rows = [(str(k), str(one)) for k, v in value.items() for one in _list(v)]
    else:
        rows = [(a, b) for a, _, b in (_split(str(row)) for row in value)]
    return sorted(f"{name}={address.strip('[]')}" for name, address in rows)


def _split(row: str) -> tuple[str, str, str]:
    found = _HOST.search(row)
    return (row[: found.start()], found[0], row[found.end() :]) if found else (row, "", "")


def _ports(value: Iterable[Spec]) -> list[dict[str, Any]]:
    """Without what the engine is not told: names, and the mode of Swarm."""
    return [
        {
            "host_ip": port.get("host_ip"),
            "target": port.get("target"),
            "published": port.get("published"),
            "protocol": port.get("protocol") or "tcp",
        }
        for port in value
    ]


def _ulimits(value: Spec) -> dict[str, Any]:
    def one(limit: Any) -> Any:
        if not isinstance(limit, Mapping):
            return {"soft": limit, "hard": limit}
        single = limit.get("single")
        return {"soft": limit.get("soft", single), "hard": limit.get("hard", single)}

    return {name: one(limit) for name, limit in value.items()}


def _devices(value: Iterable[Any]) -> list[dict[str, str]]:
    rows = []
    for device in value:
        if isinstance(device, Mapping):
            source, target = str(device["source"]), str(device.get("target") or device["source"])
            permissions = str(device.get("permissions") or "rwm")
        else:
            source, _, rest = str(device).partition(":")
            target, _, permissions = rest.partition(":")
        rows.append({"source": source, "target": target or source, "perms": permissions or "rwm"})
    return rows


def _mounts(value: Iterable[Spec]) -> list[dict[str, Any]]:
    """Whether the engine may make a missing source is no matter: it must not be missing."""

    def one(mount: Spec) -> dict[str, Any]:
        bind = {k: v for k, v in (mount.get("bind") or {}).items() if k != "create_host_path"}
        return {**mount, "bind": bind}

    return [one(mount) for mount in value]


def _given(folder: str) -> Callable[[Iterable[Spec]], list[dict[str, Any]]]:
    """Configs and secrets of a service, with the place and the mode that they get."""

    def every(value: Iterable[Spec]) -> list[dict[str, Any]]:
        return [
            {**one, "target": place_of(one, folder), "mode": _mode(one.get("mode"))}
            for one in value
        ]

    return every


def place_of(given: Spec, folder: str = _SECRETS) -> str:
    """Return where a config or a secret lies inside (compose-spec, `configs`, `secrets`).

    Args:
        given: as the service names it.
        folder: what a relative place is relative to; empty for a config's: the root.
    """
    target = str(given.get("target") or given["source"])
    return posixpath.normpath(posixpath.join(folder or "/", target))


def _mode(given: Any) -> int | None:
    if given is None:
        return None
    return int(given, 8) if isinstance(given, str) else int(given)


_KEYS: dict[str, Callable[[Any], Any]] = {
    "cap_add": _set,
    "cap_drop": _set,
    "configs": _given(""),
    "deploy": _deploy,
    "devices": _devices,
    "dns": _list,
    "dns_search": _list,
    "expose": _set,
    "extra_hosts": _hosts,
    "ports": _ports,
    "secrets": _given(_SECRETS),
    "security_opt": _set,
    "tmpfs": _list,
    "ulimits": _ulimits,
    "volumes": _mounts,
}
