"""What services need that their stack does not make: read from files, looked for on the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from morphops.adapters.docker import labels, trial
from morphops.adapters.docker.client import Docker
from morphops.core.outside import Needs, Outside


def needs(spec: Mapping[str, Any], rendered: Mapping[str, Any]) -> Needs:
    """Return what a service needs.

    Args:
        spec: the service as Compose renders it (compose-spec, `services`).
        rendered: the whole model; says which networks and volumes are `external`.
    """
    networks = rendered.get("networks") or {}
    volumes = rendered.get("volumes") or {}
    mounts = spec.get("volumes") or ()
    attached = spec.get("networks") or {}
    return Needs(
        networks=frozenset(_external(networks, attached)),
        volumes=frozenset(
            _external(volumes, [m.get("source") for m in mounts if m["type"] == "volume"])
        ),
        container_name=str(spec.get("container_name") or ""),
        addresses=frozenset(
            f"{(networks.get(key) or {}).get('name') or key}/{how[family]}"
            for key, how in attached.items()
            for family in ("ipv4_address", "ipv6_address")
            if how and how.get(family)
        ),
        runtime=str(spec.get("runtime") or ""),
        platform=str(spec.get("platform") or ""),
        trial=trial.of_service(spec),
    )


def _external(declared: Mapping[str, Any], used: Iterable[Any]) -> Iterator[str]:
    for key in used:
        spec = declared.get(key) or {}
        if spec.get("external"):
            yield str(spec.get("name") or key)


def addresses(inspected: Mapping[str, Any]) -> frozenset[str]:
    """Return the addresses that a container asked for (Engine API, EndpointIPAMConfig)."""
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    return frozenset(
        f"{name}/{asked[family]}"
        for name, endpoint in networks.items()
        if (asked := (endpoint or {}).get("IPAMConfig"))
        for family in ("IPv4Address", "IPv6Address")
        if asked.get(family)
    )


def look(docker: Docker, project: str, wanted: Iterable[Needs]) -> Outside:
    """Look for what services need; only what one of them needs is asked for.

    Args:
        docker: where.
        project: whose own containers may have the names.
        wanted: what each service needs.

    Raises:
        EngineUnavailable, EngineCallFailed: the engine does not say.
    """
    each = tuple(wanted)
    engine = docker.engine
    networks = {name for one in each for name in one.networks}
    volumes = {name for one in each for name in one.volumes}
    runtimes = {one.runtime for one in each if one.runtime}
    container_names = {one.container_name for one in each if one.container_name}
    return Outside(
        networks=frozenset(networks - {str(row.get("Name")) for row in engine.networks()})
        if networks
        else frozenset(),
        volumes=frozenset(volumes - {str(row.get("Name")) for row in engine.volumes()})
        if volumes
        else frozenset(),
        runtimes=frozenset(runtimes - set(engine.info().get("Runtimes") or ()))
        if runtimes
        else frozenset(),
        names=_holders(engine.containers(), project, container_names) if container_names else {},
        refused={
            how: why
            for how in sorted({one.trial for one in each if one.trial})
            if (why := trial.refusal(docker, how))
        },
    )


def _holders(listed: Iterable[Mapping[str, Any]], project: str, wanted: set[str]) -> dict[str, str]:
    found = {}
    for container in listed:
        marks = container.get("Labels") or {}
        owner = str(marks.get(labels.PROJECT) or "")
        if owner == project and marks.get(labels.ONE_OFF) != "True":
            continue
        for name in container.get("Names") or ():
            bare = str(name).removeprefix("/")
            if bare in wanted:
                found[bare] = f"a container of {owner}" if owner else "a container of no stack"
    return found
