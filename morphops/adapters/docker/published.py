"""The ports that a service publishes, and those that a container really has. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from morphops.core.stack import Port

_RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
_LONG = 1000  # ports; one of so many is free, and to look at each would take a while
_ALL = ("0.0.0.0", "::")  # noqa: S104 - read, not bound


def of_service(spec: Mapping[str, Any]) -> tuple[Port, ...]:
    """Return the ports of a service as Compose renders it, without those that the engine chooses.

    Args:
        spec: the service (compose-spec, `ports`).
    """
    return tuple(
        _port(port, int(port["published"]))
        for port in spec.get("ports") or ()
        if str(port.get("published", "")).isdecimal()
    )


def ranges(spec: Mapping[str, Any]) -> tuple[tuple[Port, ...], ...]:
    """Return the ranges of which the engine takes one port that is free (`start-end`)."""
    found = (
        (port, _RANGE.fullmatch(str(port.get("published", "")))) for port in spec.get("ports") or ()
    )
    return tuple(
        tuple(_port(port, number) for number in range(int(text[1]), int(text[2]) + 1))
        for port, text in found
        if text and int(text[2]) - int(text[1]) < _LONG
    )


def of_container(inspected: Mapping[str, Any]) -> tuple[Port, ...]:
    """Return the ports that a container has (Engine API, ContainerInspect).

    What it was asked for (`PortBindings`) is text: a port, a range, or nothing, where the engine
    chooses. Which one it got stands in `NetworkSettings` for as long as it runs.
    """
    wanted = (inspected.get("HostConfig") or {}).get("PortBindings") or {}
    got = (inspected.get("NetworkSettings") or {}).get("Ports") or {}
    found = (
        port
        for target, hosts in wanted.items()
        for port in _of_target(str(target), hosts or (), got.get(target) or ())
    )
    return tuple(dict.fromkeys(found))


def _of_target(target: str, wanted: Any, got: Any) -> Iterator[Port]:
    asked = [(str(host.get("HostIp") or ""), str(host.get("HostPort") or "")) for host in wanted]
    hosts = {address for address, _ in asked}
    if not all(_is_port(text) for _, text in asked):
        asked = [
            (_as_asked(str(host.get("HostIp") or ""), hosts), str(host.get("HostPort") or ""))
            for host in got
        ]
    inside, _, protocol = target.partition("/")
    for address, text in asked:
        if _is_port(text) and _is_port(inside):
            yield Port(address, int(text), int(inside), protocol or "tcp")


def _as_asked(address: str, hosts: set[str]) -> str:
    """Every address is none in the question, and one of each family in the answer."""
    return "" if "" in hosts and address in _ALL else address


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) <= 65535


def _port(spec: Mapping[str, Any], published: int) -> Port:
    protocol = str(spec.get("protocol") or "tcp")
    return Port(str(spec.get("host_ip") or ""), published, int(spec["target"]), protocol)
