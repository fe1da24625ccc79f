"""A Compose model → the services that a fake engine starts. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import normpath
from typing import Any

from morphops.core.outside import Needs
from morphops.core.release.digest import canonical_json, digest_of, short
from morphops.core.seal import Seal
from morphops.core.stack import LaunchConfig, Mount, Network, Port, Rolling, Stack
from morphops.testing.contents import GivenFile, contents_of, given_to
from morphops.testing.engine import CheckedService

# What does not replace a container when it changes.
_NOT_CONFIG = ("depends_on", "profiles", "build", "pull_policy", "scale", "deploy")
# What `FakeEngine.update` changes, as `docker update` does.
SETTINGS = ("mem_limit", "cpus", "pids_limit", "restart")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DEFAULT_CHECK = "30s"


def services_of(model: Mapping[str, Any], stack: Stack) -> dict[str, CheckedService]:
    """The services of a model, by name.

    Args:
        model: as `compose_files.read_model` gives it.
        stack: what it was read from: names, paths and digests are by it.
    """
    folder = stack.files[0].parent
    around = _Around(
        _networks(model, stack.project),
        _volumes(model, stack.project),
        folder,
        contents_of(model, stack),
        stack,
    )
    return {
        name: replace(_service(name, spec or {}, around), needs=_needs(spec or {}, model))
        for name, spec in sorted((model.get("services") or {}).items())
    }


@dataclass(frozen=True, slots=True)
class _Around:
    """What is around a service in its model.

    Attributes:
        networks, volumes: by their keys.
        folder: what relative paths are relative to.
        given: (kind, name) of configs and secrets → the file that a service gets.
        stack: what it was read from.
    """

    networks: Mapping[str, Network]
    volumes: Mapping[str, str]
    folder: Path
    given: Mapping[tuple[str, str], GivenFile]
    stack: Stack

    @property
    def seal(self) -> Seal:
        """Makes the digests."""
        return self.stack.seal

    def called(self, mount: Mount) -> Mount:
        """A mount by the name of what it gives, where the release carries it."""
        inside, outside, writable = mount
        carried = self.stack.carried.get(outside)
        return (inside, f"carried {carried.name}", writable) if carried else mount


def volumes_of(model: Mapping[str, Any], project: str) -> set[str]:
    """The names of the volumes that a model declares."""
    return set(_volumes(model, project).values())


def _networks(model: Mapping[str, Any], project: str) -> dict[str, Network]:
    declared = {"default": None, **(model.get("networks") or {})}
    return {key: _network(key, spec or {}, project) for key, spec in declared.items()}


def _network(key: str, spec: Mapping[str, Any], project: str) -> Network:
    if spec.get("external"):
        return Network(str(spec.get("name") or key), key)
    return Network(str(spec.get("name") or f"{project}_{key}"), key, _short(spec))


def _volumes(model: Mapping[str, Any], project: str) -> dict[str, str]:
    return {
        key: str((spec or {}).get("name") or f"{project}_{key}")
        for key, spec in (model.get("volumes") or {}).items()
    }


def _service(name: str, spec: Mapping[str, Any], around: _Around) -> CheckedService:
    environment = _environment(spec.get("environment"))
    attached = _attached(spec, around.networks)
    mounts = [mount_of(mount, around.volumes, around.folder) for mount in spec.get("volumes") or ()]
    published = [_port(port) for port in spec.get("ports") or ()]
    config = {key: value for key, value in spec.items() if key not in _NOT_CONFIG}
    config |= {"environment": environment, "volumes": list(map(around.called, mounts))}
    config |= {"networks": {network.name: network.config for network in attached}}
    files = tuple(dict.fromkeys(given_to(spec, mounts, around.given, around.stack)))
    contents = tuple(file.content(around.seal) for file in files)
    of_contents = {str(content): content.digest for content in contents}
    return CheckedService(
        name=name,
        image=str(spec.get("image") or ""),
        config=_short([config, of_contents]),
        ports=tuple(ports[0] for ports in published if len(ports) == 1),
        port_ranges=tuple(ports for ports in published if len(ports) > 1),
        labels=spec.get("labels") or {},
        launch=_launch(spec, environment, mounts),
        files=frozenset(outside for _, outside, _ in mounts if outside.startswith("/")),
        replicas=_replicas(spec),
        rolling=_rolling(spec),
        networks=attached,
        waits_for_completion=_waits(spec.get("depends_on") or {}),
        ends=spec.get("restart") in ("no", False),
        profiles=frozenset(spec.get("profiles") or ()),
        variables={key: around.seal.of(value) for key, value in environment.items()},
        depends_on=frozenset(spec.get("depends_on") or ()),
        restarts_with=_restarts(spec.get("depends_on") or {}),
        keys={
            key: around.seal.of(value)
            for key, value in config.items()
            if key not in ("image", "environment") and value
        },
        contents=contents,
        key=around.seal.name,
        copies={file.inside: file.data for file in files if file.inside and file.data is not None},
        healthcheck_interval=_check_interval(spec.get("healthcheck") or {}),
    )


def _short(value: Any) -> str:
    return short(digest_of(canonical_json(value)))


def _environment(given: Any) -> dict[str, str]:
    if isinstance(given, Mapping):
        return {key: "" if value is None else str(value) for key, value in given.items()}
    return {line.partition("=")[0]: line.partition("=")[2] for line in given or ()}


def _attached(spec: Mapping[str, Any], networks: Mapping[str, Network]) -> tuple[Network, ...]:
    mode = str(spec.get("network_mode") or "")
    if mode:
        return () if ":" in mode else (Network(mode),)
    return tuple(networks[key] for key in spec.get("networks") or ("default",) if key in networks)


def mount_of(given: Any, volumes: Mapping[str, str], folder: Path) -> tuple[str, str, bool]:
    """A mount in the short or the long form: (inside, outside, whether it may write)."""
    if isinstance(given, Mapping):
        source, target = str(given.get("source") or ""), str(given["target"])
        writable = not given.get("read_only")
    else:
        source, colon, rest = str(given).partition(":")
        if not colon:  # an anonymous volume: the target alone
            source, rest = "", source
        target, _, mode = rest.partition(":")
        writable = mode != "ro"
    if source.startswith((".", "/")):
        return normpath(target), normpath(folder / source), writable
    return normpath(target), volumes.get(source, source), writable


def _needs(spec: Mapping[str, Any], model: Mapping[str, Any]) -> Needs:
    given = spec.get("networks") or ()
    networks = given if isinstance(given, Mapping) else dict.fromkeys(given)
    sources = [
        (m.get("source") if isinstance(m, Mapping) else str(m).partition(":")[0])
        for m in spec.get("volumes") or ()
    ]
    return Needs(
        networks=_external(model.get("networks") or {}, networks),
        volumes=_external(model.get("volumes") or {}, sources),
        container_name=str(spec.get("container_name") or ""),
        addresses=frozenset(
            f"{key}/{how['ipv4_address']}"
            for key, how in networks.items()
            if how and how.get("ipv4_address")
        ),
        runtime=str(spec.get("runtime") or ""),
        platform=str(spec.get("platform") or ""),
    )


def _external(declared: Mapping[str, Any], used: Iterable[Any]) -> frozenset[str]:
    return frozenset(
        str(spec.get("name") or key)
        for key in used
        if (spec := declared.get(key) or {}).get("external")
    )


def _port(given: Any) -> tuple[Port, ...]:
    """A port in the short (`[host:]published:target[/protocol]`) or the long form.

    Of a range (`20130-20135`) all of its ports.
    """
    if isinstance(given, Mapping):
        protocol = str(given.get("protocol") or "tcp")
        host, published, target = (
            str(given.get(key) or "") for key in ("host_ip", "published", "target")
        )
    else:
        text, _, protocol = str(given).partition("/")
        where, _, target = text.rpartition(":")
        host, _, published = where.rpartition(":")
    first, _, last = published.partition("-")
    numbers = range(int(first), int(last or first) + 1)
    return tuple(Port(host.strip("[]"), n, int(target), protocol or "tcp") for n in numbers)


def _launch(
    spec: Mapping[str, Any],
    environment: Mapping[str, str],
    mounts: list[tuple[str, str, bool]],
) -> LaunchConfig:
    command = _words(spec.get("command"))
    options = {str(option).replace("=", ":") for option in spec.get("security_opt") or ()}
    return LaunchConfig(
        command=command or None,
        argv=(*_words(spec.get("entrypoint")), *command),
        user=str(spec.get("user") or ""),
        variables=frozenset(environment),
        mounts=frozenset(mounts),
        dropped=frozenset(map(str, spec.get("cap_drop") or ())),
        added=frozenset(map(str, spec.get("cap_add") or ())),
        no_new_privileges=bool(options & {"no-new-privileges", "no-new-privileges:true"}),
        read_only=bool(spec.get("read_only")),
        privileged=bool(spec.get("privileged")),
        settings={
            **{key: str(spec[key]) for key in SETTINGS if spec.get(key) is not None},
            **{f"environment.{key}": value for key, value in environment.items()},
        },
        by_default=frozenset(f"environment.{key}" for key in environment),
    )


def _words(given: Any) -> tuple[str, ...]:
    return tuple(shlex.split(given)) if isinstance(given, str) else tuple(map(str, given or ()))


def _replicas(spec: Mapping[str, Any]) -> int:
    for given in (spec.get("scale"), (spec.get("deploy") or {}).get("replicas")):
        if given is not None:
            return int(given)
    return 1


def _rolling(spec: Mapping[str, Any]) -> Rolling | None:
    said = (spec.get("deploy") or {}).get("update_config")
    if said is None:
        return None
    return Rolling(
        parallelism=int(said.get("parallelism", 1)),
        start_first=said.get("order") == "start-first" and not spec.get("ports"),
        delay=_seconds(str(said.get("delay", "0s"))),
    )


def _waits(depends_on: Any) -> frozenset[str]:
    if not isinstance(depends_on, Mapping):
        return frozenset()
    ended = "service_completed_successfully"
    return frozenset(name for name, how in depends_on.items() if how.get("condition") == ended)


def _restarts(depends_on: Any) -> frozenset[str]:
    if not isinstance(depends_on, Mapping):
        return frozenset()
    return frozenset(name for name, how in depends_on.items() if (how or {}).get("restart"))


def _check_interval(spec: Mapping[str, Any]) -> float:
    """Seconds from one health check to the next, its timeout included; 0 where there is none."""
    test = spec.get("test") or ["NONE"]
    if spec.get("disable") or test in ("NONE", ["NONE"]):
        return 0.0
    return sum(_seconds(str(spec.get(key, _DEFAULT_CHECK))) for key in ("interval", "timeout"))


def _seconds(text: str) -> float:
    return sum(float(n) * _UNITS[unit] for n, unit in re.findall(r"([\d.]+)(ms|s|m|h)", text))
