"""What a machine must offer, and whether what was seen of it will do. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from morphops.core.host import versions
from morphops.core.host.versions import version_of
from morphops.core.release.reference import is_loopback

GIB = 1 << 30
DEFAULT_SOCKET = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What is asked of the machine.

    Attributes:
        project: the Compose project whose containers may hold the ports.
        state: the state folder.
        ports: `(host, port)` each; an empty host means all addresses.
        registry: `host[:port]` that images are pulled from; empty where it is not known yet.
        compose: the oldest Compose that will do.
        disk: bytes that must be free where the engine keeps its data.
    """

    project: str
    state: Path
    ports: tuple[tuple[str, int], ...] = ()
    registry: str = ""
    compose: tuple[int, int] = (2, 26)
    disk: int = 5 * GIB


@dataclass(frozen=True, slots=True)
class PortFact:
    """One port: whether it can be had, and who has it (a container's name, where it is one)."""

    host: str
    port: int
    free: bool
    holder: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFact:
    """The state folder, or the nearest folder above it that exists.

    Attributes:
        path: the state folder.
        exists: whether it does.
        is_folder: whether it, or what exists above it, is a folder.
        mode, owner: its permission bits and uid, where it exists.
        writable: whether it, or what exists above it, can be written to.
    """

    path: Path
    exists: bool
    is_folder: bool = True
    mode: int = 0
    owner: int = 0
    writable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What was seen; an empty text or none means that it could not be seen.

    Attributes:
        client: the docker client's version.
        endpoint: where the client looks for its engine.
        engine: the engine's version.
        storage: its storage driver.
        denied: the engine's socket is there, and we may not use it.
        compose, buildx: versions of the plugins.
        runc: version of what starts containers for the engine.
        plain: networks (`127.0.0.0/8`) and registries with which the engine may speak plain HTTP;
            none where it does not say.
        data_root: where the engine keeps its data.
        free: bytes free there; none where that is another machine's disk.
        ports, state: see their classes.
        uid: who we are.
    """

    client: str
    endpoint: str
    engine: str
    storage: str
    denied: bool
    compose: str
    buildx: str
    data_root: str
    free: int | None
    ports: tuple[PortFact, ...]
    state: StateFact
    uid: int
    runc: str = ""
    plain: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement, and what was found.

    Attributes:
        name: of the requirement.
        ok: whether it is met.
        found: what was found.
        remedy: how to meet it; empty where it is met.
        warning: what to know although it is met; empty where there is nothing.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
    warning: str = ""


def judge(facts: HostFacts, needs: Needs) -> tuple[Row, ...]:
    """One row for each need."""
    return (
        _client(facts),
        _engine(facts),
        _compose(facts, needs),
        _tested(_plugin("Buildx", facts.buildx, facts), facts.buildx),
        *_runtime(facts),
        *_registry(facts, needs),
        _disk(facts, needs),
        *(_port(port, facts) for port in facts.ports),
        _state(facts.state, facts.uid),
    )


def _client(facts: HostFacts) -> Row:
    if facts.client:
        return Row("docker client", True, facts.client)
    return Row("docker client", False, "none on PATH", _setup(facts))


def _engine(facts: HostFacts) -> Row:
    if facts.engine:
        storage = f", storage {facts.storage}" if facts.storage else ""
        row = Row("engine", True, f"{facts.engine} at {facts.endpoint}{storage}")
        return _tested(row, facts.engine)
    if facts.denied:
        return Row(
            "engine",
            False,
            f"{facts.endpoint} may not be used by uid {facts.uid}",
            "run as root, or `sudo usermod -aG docker $USER` and log in again",
        )
    return Row("engine", False, f"no answer at {facts.endpoint}", _setup(facts))


def _compose(facts: HostFacts, needs: Needs) -> Row:
    row = _plugin("Compose", facts.compose, facts)
    if not row.ok or version_of(facts.compose)[:2] >= needs.compose:
        return _tested(row, facts.compose)
    least = ".".join(map(str, needs.compose))
    return Row(
        "Compose", False, f"{facts.compose}, older than {least}", f"upgrade it to {least} or later"
    )


def _plugin(name: str, version: str, facts: HostFacts) -> Row:
    if version:
        return Row(name, True, version)
    return Row(name, False, "none" if facts.client else "not asked: no client", "inv host.setup")


def _tested(row: Row, version: str) -> Row:
    return replace(row, warning=versions.untested(row.name, version)) if row.ok else row


def _runtime(facts: HostFacts) -> Iterator[Row]:
    """A row where what starts containers is too old for the engine."""
    found = {"engine": facts.engine, "Compose": facts.compose, "runc": facts.runc}
    if clash := versions.clash(found):
        least = ".".join(map(str, clash.least))
        yield Row(
            clash.needs,
            False,
            f"{found[clash.needs]} is too old for {clash.program} {found[clash.program]}:"
            f" {clash.harm}",
            f"upgrade {clash.needs} to {least} or later",
        )


def _registry(facts: HostFacts, needs: Needs) -> Iterator[Row]:
    """A row for a registry of this machine, with which the engine must speak plain HTTP."""
    if facts.plain is None or not needs.registry or not is_loopback(needs.registry):
        return
    host = needs.registry.rpartition(":")[0] or needs.registry
    if any(_covers(place, host, needs.registry) for place in facts.plain):
        yield Row("registry", True, f"{needs.registry}, by plain HTTP")
    else:
        yield Row(
            "registry",
            False,
            f"the engine wants TLS of {needs.registry}, which is on this machine and has none",
            f'add "{needs.registry}" to "insecure-registries" in the engine\'s daemon.json',
        )


def _covers(place: str, host: str, registry: str) -> bool:
    """Whether a network or a registry that the engine names is, or holds, this one."""
    if place in (host, registry):
        return True
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
        return address in ipaddress.ip_network(place)
    except ValueError:
        return False


def _disk(facts: HostFacts, needs: Needs) -> Row:
    if facts.free is None:
        # No failure: there is nothing here to look at, and a full engine says so itself.
        return Row("disk", True, "not checked: the engine's disk is elsewhere")
    found = f"{facts.free / GIB:.1f} GiB free at {facts.data_root}"
    if facts.free >= needs.disk:
        return Row("disk", True, found)
    return Row(
        "disk",
        False,
        f"{found}, less than {needs.disk / GIB:.1f}",
        "free some space   (docker system df shows what the engine holds)",
    )


def _port(fact: PortFact, facts: HostFacts) -> Row:
    name = f"port {fact.host or '*'}:{fact.port}"
    if fact.free:
        return Row(name, True, "free")
    if fact.ours:
        return Row(name, True, f"held by our own {fact.holder}")
    if fact.holder:
        return Row(
            name, False, f"held by the container {fact.holder}", f"docker stop {fact.holder}"
        )
    if not facts.engine:
        # It may be a container of our own: only the engine can say so.
        return Row(
            name,
            False,
            "in use; by whom is not known while no engine answers",
            "the engine first, see above; then inv host.check once more",
        )
    return Row(
        name,
        False,
        "held by a process outside of Docker",
        f"ss -ltnp 'sport = :{fact.port}'   (stop it, or choose another port in the env file)",
    )


def _state(fact: StateFact, uid: int) -> Row:
    other = "set MORPHOPS_STATE to a folder of your own"
    if not fact.is_folder:
        return Row("state folder", False, f"{fact.path} is in the way: no folder", other)
    if fact.exists and fact.owner != uid:
        return Row("state folder", False, f"{fact.path} belongs to uid {fact.owner}", other)
    if not fact.writable:
        return Row("state folder", False, f"{fact.path} cannot be written to", other)
    if not fact.exists:
        return Row("state folder", True, f"{fact.path} (made when it is first needed)")
    if fact.mode & 0o077:
        return Row(
            "state folder",
            False,
            f"{fact.path} is open to others (mode {fact.mode:04o})",
            f"chmod 700 {fact.path}",
        )
    return Row("state folder", True, str(fact.path))


def _setup(facts: HostFacts) -> str:
    if facts.client and facts.endpoint != DEFAULT_SOCKET:
        return "start that engine, or unset DOCKER_HOST and DOCKER_CONTEXT"
    return "inv host.setup"
