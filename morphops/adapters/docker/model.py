"""What Compose renders and what the engine shows, as the values that cross the seam. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from morphops.adapters.docker import labels as names
from morphops.adapters.docker.shapes import shape_of_service
from morphops.core.release.digest import canonical_json, digest_of, short
from morphops.core.stack import (
    Health,
    HealthCheck,
    Identity,
    Instance,
    Network,
    Port,
    Service,
)

# What Compose itself leaves out when it decides whether a container must be replaced.
_NOT_CONFIG = ("depends_on", "profiles", "build", "pull_policy", "scale")
# A service has fields of their own for these.
_APART = ("image", "environment", "labels")
_FOR_EVER = 24 * 3600.0


def services(rendered: Mapping[str, Any]) -> dict[str, Service]:
    """Return the services of a model that Compose rendered, with the names that the engine knows.

    Args:
        rendered: `docker compose config --format json`.
    """
    volumes = {
        key: str((volume or {}).get("name") or key)
        for key, volume in (rendered.get("volumes") or {}).items()
    }
    networks = {
        key: network(key, spec or {}) for key, spec in (rendered.get("networks") or {}).items()
    }
    return {
        name: replace(
            service(name, with_networks(with_volumes(spec, volumes), networks)),
            files=files(spec, rendered),
            networks=attached(spec, networks),
        )
        for name, spec in sorted((rendered.get("services") or {}).items())
    }


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
        image=Identity(kind, inspected["Image"]),
        state=state["Status"],
        health=_health(health.get("Status")),
        restarts=inspected.get("RestartCount", 0),
        exit_code=state.get("ExitCode", 0),
        stop_grace_period=stop_grace_period(inspected["Config"].get("StopTimeout")),
        managed=names.RELEASE in labels,
        release=labels.get(names.RELEASE, ""),
        config=labels.get(names.CONFIG, ""),
        health_output=redact(log[-1].get("Output") or ""),
        checks=tuple(HealthCheck(row["Start"], not row["ExitCode"]) for row in log if row),
        healthcheck_interval=healthcheck_interval(inspected["Config"].get("Healthcheck") or {}),
        ports=tuple(bindings(inspected["HostConfig"].get("PortBindings") or {})),
        networks=frozenset((inspected.get("NetworkSettings") or {}).get("Networks") or ()),
        replica_index=int(number) if number.isdecimal() else 1,
    )


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


def service(name: str, spec: Mapping[str, Any]) -> Service:
    """Return a service as Compose renders it (compose-spec, `services`)."""
    labels = spec.get("labels") or {}
    config = {key: value for key, value in spec.items() if key not in _NOT_CONFIG}
    config["labels"] = {k: v for k, v in labels.items() if k not in names.OURS}
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
        replicas=_replicas(spec),
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


def _replicas(spec: Mapping[str, Any]) -> int:
    """How many containers (compose-spec, `scale` and `deploy.replicas`)."""
    for given in (spec.get("scale"), (spec.get("deploy") or {}).get("replicas")):
        if given is not None:
            return int(given)
    return 1


def _digests(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: digest_of(canonical_json(value)) for name, value in values.items()}


def bindings(published: Mapping[str, Any]) -> Iterator[Port]:
    """Yield the ports that a container publishes (Engine API, `PortBindings`)."""
    for target, hosts in published.items():
        for host in hosts or ():
            if host.get("HostPort"):
                port, _, protocol = target.partition("/")
                at = host.get("HostIp") or "", int(host["HostPort"]), int(port)
                yield Port(*at, protocol or "tcp")


def healthcheck_interval(healthcheck: Mapping[str, Any]) -> float:
    """Return the seconds from one check to the next at most; 0 where there is no check.

    The engine has the interval and the timeout in nanoseconds; 0 is its default, 30 s.
    """
    if (healthcheck.get("Test") or ["NONE"])[0] == "NONE":
        return 0.0
    return sum((healthcheck.get(key) or 30e9) / 1e9 for key in ("Interval", "Timeout"))


def stop_grace_period(timeout: int | None) -> float:
    """Return the seconds of a stop timeout: unset it is the engine's, below zero without end."""
    if timeout is None:
        return 10.0
    return float(timeout) if timeout >= 0 else _FOR_EVER


def _health(status: str | None) -> Health:
    match status:
        case "healthy" | "starting" | "unhealthy":
            return status
        case _:
            return "none"
