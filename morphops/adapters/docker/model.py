"""What Compose renders and what the engine shows, as the values that cross the seam. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from morphops.adapters.docker import labels as names
from morphops.adapters.docker import outside, published, settings
from morphops.adapters.docker.contents import Contents
from morphops.adapters.docker.normal import normal
from morphops.adapters.docker.shapes import shape_of_service, with_mounts_of
from morphops.core.release.digest import canonical_json, digest_of, short
from morphops.core.seal import UNSEALED, Seal
from morphops.core.stack import (
    Carried,
    Content,
    Health,
    HealthCheck,
    Identity,
    Instance,
    Network,
    Parts,
    Rolling,
    Service,
)

# Another one where what counts as a part changes: then what was created before is another.
_FORM = 2
# A service has fields of their own for these.
_APART = ("image", "environment", "labels")
_FOR_EVER = 24 * 3600.0
NOTHING_CARRIED: Mapping[str, Carried] = MappingProxyType({})


def services(
    rendered: Mapping[str, Any],
    contents: Contents | None = None,
    seal: Seal = UNSEALED,
    carried: Mapping[str, Carried] = NOTHING_CARRIED,
) -> dict[str, Service]:
    """Return the services of a model that Compose rendered, with the names that the engine knows.

    Args:
        rendered: `docker compose config --format json`.
        contents: what they are given besides.
        seal: makes the digests.
        carried: paths that are called by what the release calls them.
    """
    volumes = {
        key: str((volume or {}).get("name") or key)
        for key, volume in (rendered.get("volumes") or {}).items()
    }
    networks = {
        key: network(key, spec or {}) for key, spec in (rendered.get("networks") or {}).items()
    }
    written = dict(sorted((rendered.get("services") or {}).items()))
    specs = {
        name: with_networks(with_volumes(spec, volumes), networks) for name, spec in written.items()
    }
    made = {
        name: service(name, spec, contents.of(spec) if contents else (), seal, carried)
        for name, spec in specs.items()
    }
    shapes = with_mounts_of({name: one.launch for name, one in made.items()}, specs)
    return {
        name: replace(
            made[name],
            launch=shapes[name],
            files=files(spec, rendered),
            needs=outside.needs(spec, rendered),
            networks=attached(spec, networks),
        )
        for name, spec in written.items()
    }


def seen(
    inspected: Mapping[str, Any],
    kind: Literal["config", "manifest"],
    redact: Callable[[str], str] = str,
) -> Instance:
    """Return a container, or as much as can be said of one that cannot be read.

    Anybody may start containers in a project, with whatever settings. One of them must never keep
    a look, a stop or an automatic rollback from the others.
    """
    try:
        return instance(inspected, kind, redact)
    except (AttributeError, KeyError, TypeError, ValueError):
        return _unreadable(inspected, kind)


def _unreadable(inspected: Mapping[str, Any], kind: Literal["config", "manifest"]) -> Instance:
    id_ = str(inspected.get("Id") or "")
    config = inspected.get("Config")
    labels = config.get("Labels") if isinstance(config, Mapping) else None
    labels = labels if isinstance(labels, Mapping) else {}
    name = str(inspected.get("Name") or id_[:12]).removeprefix("/")
    return Instance(
        service=str(labels.get(names.SERVICE) or name),
        id=id_,
        image=Identity(kind, str(inspected.get("Image") or "")),
        state="unreadable",
        health="none",
        name=name,
        managed=names.RELEASE in labels,
        release=str(labels.get(names.RELEASE) or ""),
    )


def instance(
    inspected: Mapping[str, Any],
    kind: Literal["config", "manifest"],
    redact: Callable[[str], str] = str,
) -> Instance:
    """Return a container as the engine describes it (Engine API, ContainerInspect).

    Args:
        inspected: the container.
        kind: which digest this engine names an image by.
        redact: applied to what its health check printed.
    """
    state = inspected["State"]
    labels = inspected["Config"].get("Labels") or {}
    number = str(labels.get(names.NUMBER, ""))
    health = state.get("Health") or {}
    log = health.get("Log") or [{}]
    return Instance(
        service=labels.get(names.SERVICE, inspected["Name"].removeprefix("/")),
        id=inspected["Id"],
        image=Identity(kind, str(inspected["Image"])),
        state=str(state["Status"]),
        health=_health(health.get("Status")),
        restarts=int(inspected.get("RestartCount") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        ended=_ended(state),
        stop_grace_period=stop_grace_period(inspected["Config"].get("StopTimeout")),
        managed=names.RELEASE in labels,
        release=str(labels.get(names.RELEASE) or ""),
        config=str(labels.get(names.CONFIG) or ""),
        parts=parts_of(str(labels.get(names.PARTS) or "")),
        health_output=redact(log[-1].get("Output") or ""),
        healthcheck=redact(command_of(inspected["Config"].get("Healthcheck") or {})),
        checks=tuple(
            HealthCheck(
                row["Start"],
                not row["ExitCode"],
                exit_code=row["ExitCode"],
                output=redact(row.get("Output") or ""),
            )
            for row in log
            if row
        ),
        healthcheck_interval=healthcheck_interval(inspected["Config"].get("Healthcheck") or {}),
        ports=published.of_container(inspected),
        created=sortable(str(inspected.get("Created") or "")),
        networks=frozenset((inspected.get("NetworkSettings") or {}).get("Networks") or ()),
        replica_index=int(number) if number.isdecimal() else 1,
        name=str(inspected["Name"]).removeprefix("/"),
        addresses=outside.addresses(inspected),
    )


def sortable(time: str) -> str:
    """Return a time of the engine as a text that sorts by time: nine digits after the point.

    The engine leaves out the zeros at the end (RFC 3339 with nanoseconds, always in UTC).
    """
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9}" if time else ""


def with_volumes(spec: Mapping[str, Any], volumes: Mapping[str, str]) -> dict[str, Any]:
    """Return a service whose volumes have their names on the engine.

    Another name is another volume. Compose keeps those apart, and does not recreate a container
    for them.
    """
    mounts = [
        {**mount, "source": volumes.get(mount["source"], mount["source"])}
        if mount["type"] == "volume" and mount.get("source")
        else mount
        for mount in spec.get("volumes") or ()
    ]
    return {**spec, "volumes": mounts} if mounts else dict(spec)


def network(key: str, spec: Mapping[str, Any]) -> Network:
    """Return a network as Compose renders it (compose-spec, `networks`)."""
    name = str(spec.get("name") or key)
    if spec.get("external"):
        return Network(name, key)
    labels = {k: v for k, v in (spec.get("labels") or {}).items() if k != names.CONFIG}
    # Once it is labelled, it is to be the same as before.
    made = {k: v for k, v in spec.items() if k != "labels"} | ({"labels": labels} if labels else {})
    return Network(name, key, short(digest_of(canonical_json(made))))


def attached(spec: Mapping[str, Any], networks: Mapping[str, Network]) -> tuple[Network, ...]:
    """Return what a service is attached to: its networks, or the mode that replaces them."""
    mode = str(spec.get("network_mode") or "")
    if mode:  # in another's network a container has none of its own
        return () if ":" in mode else (Network(mode),)
    return tuple(networks[key] for key in spec.get("networks") or () if key in networks)


def with_networks(spec: Mapping[str, Any], networks: Mapping[str, Network]) -> dict[str, Any]:
    """Return a service whose networks have their names on the engine, and how each is made.

    Compose keeps those apart, as it does volumes.
    """
    attached = {
        networks[key].name: {"attached": how, "made": networks[key].config}
        for key, how in (spec.get("networks") or {}).items()
        if key in networks
    }
    return {**spec, "networks": attached} if attached else dict(spec)


def files(spec: Mapping[str, Any], rendered: Mapping[str, Any]) -> frozenset[str]:
    """Return the paths of the machine's files that a service is given."""
    mounts = (m.get("source") for m in spec.get("volumes") or () if m["type"] == "bind")
    given = (
        ((rendered.get(kind) or {}).get(one["source"]) or {}).get("file")
        for kind in ("configs", "secrets")
        for one in spec.get(kind) or ()
    )
    return frozenset(str(path) for path in (*mounts, *given) if path)


def service(
    name: str,
    spec: Mapping[str, Any],
    contents: tuple[Content, ...] = (),
    seal: Seal = UNSEALED,
    carried: Mapping[str, Carried] = NOTHING_CARRIED,
) -> Service:
    """Return a service as Compose renders it (compose-spec, `services`).

    Args:
        name: its name.
        spec: its own part of the model.
        contents: the files that it is given.
        seal: makes the digests.
        carried: paths that are called by what the release calls them.
    """
    labels = spec.get("labels") or {}
    own = {k: v for k, v in labels.items() if k not in names.OURS}
    plain = normal({**spec, "labels": own})
    keys = {key: value for key, value in plain.items() if key not in _APART}
    keys |= {"labels": own} if own else {}
    if "volumes" in keys:
        keys["volumes"] = [_by_name(mount, carried) for mount in keys["volumes"]]
    found = Service(
        name=name,
        image=spec.get("image", ""),
        config="",
        ports=published.of_service(spec),
        port_ranges=published.ranges(spec),
        labels=labels,
        launch=replace(
            shape_of_service(spec), settings=settings.wanted({**plain, "labels": own}, name)
        ),
        replicas=_replicas(spec),
        rolling=_rolling(spec),
        waits_for_completion=frozenset(
            other
            for other, how in (spec.get("depends_on") or {}).items()
            if how.get("condition") == "service_completed_successfully"
        ),
        ends=str(spec.get("restart") or "") == "no",
        profiles=frozenset(spec.get("profiles") or ()),
        depends_on=frozenset(spec.get("depends_on") or ()),
        restarts_with=frozenset(
            other for other, how in (spec.get("depends_on") or {}).items() if how.get("restart")
        ),
        variables={key: seal.of(value) for key, value in (spec.get("environment") or {}).items()},
        keys={key: seal.of(value) for key, value in keys.items()},
        contents=contents,
        key=seal.name,
    )
    # The parts are all that there is, so that what has the same parts is the same.
    return replace(found, config=seal.of([_FORM, found.image, text_of(found.parts)])[:12])


def _by_name(mount: Mapping[str, Any], carried: Mapping[str, Carried]) -> Mapping[str, Any]:
    """A mount by the name of what it gives: the content, which its place goes by, is told apart."""
    found = carried.get(str(mount.get("source") or ""))
    return {**mount, "source": f"carried {found.name}"} if found else mount


def text_of(parts: Parts) -> str:
    """Return the parts of a configuration as a label has them; `parts_of` reads it."""
    return canonical_json(
        {
            "key": parts.key,
            "variables": dict(parts.variables),
            "keys": dict(parts.keys),
            "contents": dict(parts.contents),
        }
    ).decode()


def parts_of(label: str) -> Parts | None:
    """Return what a label says of the parts; None where it says nothing that can be read."""
    try:
        found = json.loads(label)
        given = [found[name] for name in ("variables", "keys", "contents")]
        if not all(isinstance(digest, str) for part in given for digest in part.values()):
            return None
        return Parts(str(found["key"]), *given)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None


def _replicas(spec: Mapping[str, Any]) -> int:
    """How many containers (compose-spec, `scale` and `deploy.replicas`)."""
    for given in (spec.get("scale"), (spec.get("deploy") or {}).get("replicas")):
        if given is not None:
            return int(given)
    return 1


def _rolling(spec: Mapping[str, Any]) -> Rolling | None:
    """How its containers are replaced (compose-spec, `deploy.update_config`).

    A parallelism of 0 means all at once. With a fixed port, name or address the new container
    cannot start before the old one is gone.
    """
    said = (spec.get("deploy") or {}).get("update_config")
    if said is None or said.get("parallelism") == 0:
        return None
    alone = spec.get("ports") or spec.get("container_name") or outside.needs(spec, {}).addresses
    return Rolling(
        parallelism=int(said.get("parallelism") or 1),
        start_first=said.get("order") == "start-first" and not alone,
        delay=settings.seconds(str(said.get("delay") or "0s")),
    )


def healthcheck_interval(healthcheck: Mapping[str, Any]) -> float:
    """Return the seconds from one check to the next at most; 0 where there is no check.

    The engine has the interval and the timeout in nanoseconds; 0 is its default, 30 s.
    """
    if (healthcheck.get("Test") or ["NONE"])[0] == "NONE":
        return 0.0
    return sum((healthcheck.get(key) or 30e9) / 1e9 for key in ("Interval", "Timeout"))


def command_of(healthcheck: Mapping[str, Any]) -> str:
    """Return the command that a health check runs; empty where there is no check."""
    kind, *words = healthcheck.get("Test") or ["NONE"]
    if kind == "NONE":
        return ""
    return words[0] if kind == "CMD-SHELL" and words else shlex.join(words)


def stop_grace_period(timeout: int | None) -> float:
    """Return the seconds of a stop timeout: unset it is the engine's, below zero without end."""
    if timeout is None:
        return 10.0
    return float(timeout) if timeout >= 0 else _FOR_EVER


def _ended(state: Mapping[str, Any]) -> str:
    """When a container ended, to the second; the engine writes year 1 for one that never did."""
    time = str(state.get("FinishedAt") or "")
    if state.get("Status") != "exited" or time.startswith("0001-"):
        return ""
    return f"{time[:19]}+00:00"


def _health(status: str | None) -> Health:
    match status:
        case "healthy" | "starting" | "unhealthy":
            return status
        case _:
            return "none"
