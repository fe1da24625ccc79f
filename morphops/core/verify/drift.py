"""The differences between the release of record and what really runs, each of a kind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from morphops.core import jobs
from morphops.core.bundle.schema import Invariant
from morphops.core.release.digest import short
from morphops.core.release.release import Image, Release
from morphops.core.stack import EVERYWHERE, Instance, LaunchConfig, Mount, Running, Service
from morphops.core.verify import health, invariants, parts

Kind: TypeAlias = Literal[
    "missing",
    "extra",
    "image",
    "config",
    "altered",
    "host-file",
    "env keys",
    "network",
    "unhealthy",
    "probe",
    "invariant",
]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        kind: what differs. `missing`: a service without a container, or with too few. `extra`: a
            container of no service, or too many of one. `image`: its image. `config`: how it was
            started and what it was given. `altered`: what was changed of it after it was created.
            `host-file`: a file of the machine that it was given has another content now.
            `env keys`: the names of its environment. `network`: what it is attached to.
            `unhealthy`: it does not pass its health check. `probe`: a probe does not pass.
            `invariant`: one is broken without approval.
        subject: the service, or the probe.
        what: in words.
    """

    kind: Kind
    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}"


def images(
    release: Release, services: Mapping[str, Service], running: Running
) -> tuple[Difference, ...]:
    """Where the images of what runs are not those of the release, and what is missing or extra."""
    known = {str(image.ref): image for image in release.images}
    found = []
    for name in jobs.staying(services):
        service = services[name]
        image = known[service.image]
        present = running.of(name)
        if not present:
            found.append(Difference("missing", name, "there is no container"))
        elif len(present) < service.replicas:
            what = f"{len(present)} of {service.replicas} containers are there"
            found.append(Difference("missing", name, what))
        elif len(present) > service.replicas:
            what = f"{len(present)} containers are there, the release says {service.replicas}"
            found.append(Difference("extra", name, what))
        found += [
            Difference("image", name, f"runs {_digests(container, image)}")
            for container in present
            if not container.image.is_of(image)
        ]
    found += [
        Difference("extra", name, "runs, but is not in the release")
        for name in running.services
        if name not in services
    ]
    return tuple(found)


def missing_networks(services: Mapping[str, Service], running: Running) -> tuple[Difference, ...]:
    """Containers that lack a network of their service: others do not reach them there."""
    return tuple(
        Difference("network", name, f"is not on the network {network}")
        for name in jobs.staying(services)
        for container in running.of(name)
        for network in network_diff(services[name], container)[0]
    )


def network_diff(service: Service, container: Instance) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The networks that a container lacks, and those that it is attached to as well."""
    wanted = {network.name for network in service.networks}
    return tuple(sorted(wanted - container.networks)), tuple(sorted(container.networks - wanted))


def compare(
    release: Release,
    services: Mapping[str, Service],
    running: Running,
    shapes: Mapping[str, LaunchConfig],
    *,
    rules: Mapping[str, Invariant] | None = None,
    approved: Collection[str] = (),
) -> tuple[Difference, ...]:
    """Every difference but those that only a probe can see, by service.

    Args:
        release: of record.
        services: as its files and values render.
        running: what is there.
        shapes: how each container was started, by id.
        rules: the invariants of its bundle.
        approved: of these, the ones that may be broken.
    """
    found = [*images(release, services, running), *missing_networks(services, running)]
    if not services and not found:  # to be the same as nothing is no success
        what = "the release has no service with its values, so there is nothing to compare"
        found.append(Difference("missing", release.project, what))
    lines = {
        name: [shapes[c.id].argv for c in running.of(name) if c.id in shapes]
        for name in running.services
    }
    found += [
        Difference("invariant", breach.service, breach.what)
        for breach in invariants.breaches(rules or {}, lines, approved)
    ]
    for name in jobs.staying(services):
        for container in running.of(name):
            found += _of_container(name, services[name], container, shapes)
    found += unended_jobs(services, running)
    return tuple(sorted(found, key=lambda difference: difference.subject))


def unended_jobs(services: Mapping[str, Service], running: Running) -> tuple[Difference, ...]:
    """Jobs that are at work, or that ended otherwise than with 0.

    One that has no container did its work: without that the release would not be of record.
    """
    return tuple(
        Difference("unhealthy", name, f"is a job, and {_state(container)}")
        for name in jobs.of(services)
        for container in running.of(name)
        if container.state in _AT_WORK
        or (container.config == services[name].config and not container.succeeded)
    )


def _state(container: Instance) -> str:
    if container.state == "exited":
        return f"exited with {container.exit_code}"
    return f"is {container.state}"


_AT_WORK = ("running", "restarting", "paused")


def _of_container(
    name: str, service: Service, container: Instance, shapes: Mapping[str, LaunchConfig]
) -> Iterator[Difference]:
    yield from _configuration(name, service, container)
    for network in network_diff(service, container)[1]:
        yield Difference("network", name, f"is on the network {network} as well")
    if container.id in shapes:
        yield from _shape(name, service.launch, shapes[container.id])
    if not container.ready:
        yield Difference("unhealthy", name, health.explain(container))


def _configuration(name: str, service: Service, container: Instance) -> Iterator[Difference]:
    """What its labels say that it was created from."""
    made = container.parts
    if container.config == service.config:
        return
    if made is None:
        what = "was created from another configuration than the release's"
        if container.config:
            what = "was created by an earlier version, which did not record all that it was given"
        yield Difference("config", name, what)
        return
    if not parts.comparable(made, service.key):
        # From another state folder. What the engine shows, and what lies inside, is the proof.
        return
    differs = parts.compare(made, service.parts)
    for file in differs.host_files:
        gone = not service.parts.contents.get(file, "-")
        now = "is gone" if gone else "has another content than when it was created"
        yield Difference("host-file", name, f"{file} {now}")
    # Where no part differs, the image does.
    if differs.names or not differs.host_files:
        named = f": {', '.join(differs.names)}" if differs.names else ""
        what = f"was created from another configuration than the release's{named}"
        yield Difference("config", name, what)


def _digests(container: Instance, image: Image) -> str:
    found = container.image
    return f"{found.kind} {short(found.digest)}, the release says {short(found.expected(image))}"


def settings(wanted: LaunchConfig, found: LaunchConfig) -> tuple[str, ...]:
    """The keys of a service (compose-spec) in which a container differs, as far as that shows."""
    lacking, surplus = mounts(wanted, found)
    differ = {
        "command": wanted.command is not None and wanted.command != found.command,
        "user": bool(wanted.user) and wanted.user != found.user,
        "cap_drop": wanted.dropped != found.dropped,
        "cap_add": wanted.added != found.added,
        "security_opt": wanted.no_new_privileges != found.no_new_privileges,
        "read_only": wanted.read_only != found.read_only,
        "privileged": wanted.privileged != found.privileged,
        "volumes": bool(lacking or surplus),
    }
    others = (key for key in _others(wanted, found) if not key.startswith(_VARIABLE))
    return (*(key for key, differs in differ.items() if differs), *others)


def other_values(wanted: LaunchConfig, found: LaunchConfig) -> tuple[str, ...]:
    """The names of variables that have another value in a container, as far as that shows."""
    differ = (key for key in _others(wanted, found) if key.startswith(_VARIABLE))
    return tuple(key.removeprefix(_VARIABLE) for key in differ if key in found.settings)


def _others(wanted: LaunchConfig, found: LaunchConfig) -> tuple[str, ...]:
    """The settings that differ: of those that the release does not name, the ones not by default.

    Of a network that a container is not on nothing is told here.
    """
    if not found.settings:
        return ()
    said, there = wanted.settings, found.settings
    on = {_network(key) for key in there}
    differ = {key for key, text in said.items() if there.get(key) != text and _network(key) in on}
    return tuple(sorted(differ | (there.keys() - said.keys() - found.by_default)))


def _network(key: str) -> str:
    return key.split(".aliases.")[0].split(".ipv")[0] if key.startswith("networks.") else ""


def mounts(wanted: LaunchConfig, found: LaunchConfig) -> tuple[set[Mount], set[Mount]]:
    """The mounts that a container lacks, and those that it has as well."""
    brought = wanted.inherited | found.inherited
    more = found.mounts - wanted.mounts
    surplus = {mount for mount in more if EVERYWHERE not in brought and mount[0] not in brought}
    return set(wanted.mounts - found.mounts), surplus


def variables(wanted: LaunchConfig, found: LaunchConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of variables that a container lacks, and of those that it has as well."""
    more = found.variables - wanted.variables - wanted.inherited - found.inherited
    return tuple(sorted(wanted.variables - found.variables)), tuple(sorted(more))


_VARIABLE = "environment."
_SAYS = {
    "command": "its command line is another one",
    "cap_drop": "other capabilities are dropped",
    "cap_add": "other capabilities are added",
    "security_opt": "its confinement (no-new-privileges) is another",
    "read_only": "whether its root is read-only differs",
    "privileged": "whether it is privileged differs",
}
# Of these no value is a secret, and the two values say what was done by hand.
_SHOWN = frozenset([
    "cpu_period", "cpu_quota", "cpu_shares", "cpus", "cpuset", "mem_limit",
    "mem_reservation", "memswap_limit", "oom_score_adj", "pids_limit", "restart", "shm_size",
    "stop_grace_period", "stop_signal",
])  # fmt: skip


def _mounts(wanted: LaunchConfig, found: LaunchConfig) -> str:
    lacking, more = ({inside for inside, _, _ in side} for side in mounts(wanted, found))
    said = [f"{inside} is not as released" for inside in sorted(lacking & more)]
    said += [f"{inside} is missing" for inside in sorted(lacking - more)]
    said += [f"{inside} is there as well" for inside in sorted(more - lacking)]
    return ", ".join(said)


def _shape(name: str, wanted: LaunchConfig, found: LaunchConfig) -> Iterator[Difference]:
    for key in settings(wanted, found):
        kind: Kind = "altered" if key in wanted.settings or key in found.settings else "config"
        yield Difference(kind, name, _says(key, wanted, found))
    for variable in other_values(wanted, found):
        yield Difference("altered", name, f"the value of {variable} is another")
    missing, more = variables(wanted, found)
    if missing:
        yield Difference("env keys", name, f"lacks {', '.join(missing)}")
    if more:
        yield Difference("env keys", name, f"has {', '.join(more)} as well")


def _says(key: str, wanted: LaunchConfig, found: LaunchConfig) -> str:
    if key == "user":
        return f"runs as {found.user or 'the image says'}, the release says {wanted.user}"
    if key == "volumes":
        return f"its mounts are others: {_mounts(wanted, found)}"
    if key in _SHOWN:
        there = found.settings.get(key) or "not set"
        return f"{key} is {there}, the release says {wanted.settings.get(key) or 'nothing'}"
    network, named, alias = key.partition(".aliases.")
    if named:
        return f"is not known as {alias} on the network {network.removeprefix('networks.')}"
    return _SAYS.get(key, f"its {key} is another")
