"""What a deploy does to each service, and in what it will differ from what is there. Pure.

Where what runs was created from the release of record, two renderings are compared. That covers
every variable, every key of the configuration, and every file that is given. Elsewhere the
container itself remembers these parts. One that does not shows only how it was started. Of values
only the names are told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from morphops.core.bundle.schema import Bundle
from morphops.core.plan import dependants
from morphops.core.release.release import Image
from morphops.core.stack import Instance, LaunchConfig, Running, Service
from morphops.core.verify import drift, parts
from morphops.core.verify.parts import PartsDiff

Action: TypeAlias = Literal["create", "replace", "scale", "start", "run", "keep", "remove"]


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of what runs.

    Attributes:
        services: as the release of record renders; empty where there is none.
        shapes: how containers were started, by id.
    """

    services: Mapping[str, Service] = field(default_factory=dict)
    shapes: Mapping[str, LaunchConfig] = field(default_factory=dict)


NOTHING = Before()


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names of variables, sorted.

    Attributes:
        added, removed: only one side has them.
        changed: both have them, with different values.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one service.

    Attributes:
        service: its name.
        action: what is done. `scale`: only the number of its containers changes. `start`: it
            stopped, and is otherwise unchanged. `run`: it is a job, and runs. `keep`: it runs as it
            should, or is a job that ran.
        compared_with: what it was compared with; empty for nothing. `release`: the release of
            record. `labels`: what the container's labels say that it was created from.
            `container`: what the engine shows of a container without such labels.
        image_from, image_to: references; of a container the digest that the engine names, and the
            same kind of digest of the release. Empty where there is none.
        variables: of its environment.
        keys: of its configuration, by the names of the compose-spec.
        contents: files that it is given and that have another content: `config app.conf`,
            `secret token`, `host file /srv/app.conf`.
        because: why it is replaced although nothing of its own differs; else empty.
    """

    service: str
    action: Action
    compared_with: Literal["release", "labels", "container", ""] = ""
    image_from: str = ""
    image_to: str = ""
    variables: Names = Names()
    keys: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    because: str = ""


def of_deploy(
    images: Sequence[Image],
    services: Mapping[str, Service],
    running: Running,
    before: Before,
    because: Mapping[str, str] = MappingProxyType({}),
    jobs_due: Collection[str] = (),
) -> tuple[Change, ...]:
    """What a deploy does to each service: the ones to come in order, then the ones to go.

    Args:
        images: of the release.
        services: as it renders.
        running: what is there.
        before: what is known of that.
        because: services that are recreated for others, and why; see `for_others`.
        jobs_due: the jobs that run.
    """
    known = {str(image.ref): image for image in images}
    found = []
    for name, service in services.items():
        if service.job is not None:
            found.append(_of_job(service, before.services.get(name), name in jobs_due))
            continue
        present, old = running.of(name), before.services.get(name)
        if not present:
            found.append(Change(service=name, action="create", image_to=service.image))
        elif keys := changed_by_hand(service, present):
            by_hand = Change(
                service=name,
                action="replace",
                compared_with="container",
                image_from=service.image,
                image_to=service.image,
                keys=keys,
            )
            found.append(by_hand)
        elif _all_of(present, service):
            stopped = any(container.state != "running" for container in present)
            other_number = len(present) != service.replicas
            action: Action = "scale" if other_number else "start" if stopped else "keep"
            same, keys = service.image, ("scale",) if other_number else ()
            unchanged = Change(
                service=name, action=action, image_from=same, image_to=same, keys=keys
            )
            if why := because.get(name, ""):
                unchanged = replace(unchanged, action="replace", because=why)
            found.append(unchanged)
        elif old is not None and _all_of(present, old):
            found.append(between(old, service))
        else:
            other = next(c for c in present if c.config != service.config)
            found.append(_against(other, service, known[service.image], before.shapes))
    for name in services_to_remove(services, running):
        present, old = running.of(name), before.services.get(name)
        described = old is not None and _all_of(present, old)
        image = old.image if old is not None and described else present[0].image.digest
        found.append(Change(service=name, action="remove", image_from=image))
    return tuple(found)


def _of_job(service: Service, old: Service | None, is_due: bool) -> Change:
    """What happens to a job: where it runs, with what it differs by from the release of record."""
    if not is_due:
        image = service.image
        return Change(service=service.name, action="keep", image_from=image, image_to=image)
    if old is None or old.job is None or old.config == service.config:
        return Change(service=service.name, action="run", image_to=service.image)
    return replace(between(old, service), action="run")


def renewed(services: Mapping[str, Service], running: Running) -> frozenset[str]:
    """The services that are created or replaced for a reason of their own.

    Args:
        services: as the release renders.
        running: what is there.
    """
    return frozenset(
        name
        for name, service in services.items()
        if service.job is None
        and (
            not (present := running.of(name))
            or not _all_of(present, service)
            or changed_by_hand(service, present)
        )
    )


def for_others(bundle: Bundle, services: Mapping[str, Service], running: Running) -> dict[str, str]:
    """The services that are recreated because of what they depend on: service → why, in words.

    Args:
        bundle: says what probes judge, and what is kept.
        services: as the release renders.
        running: what is there.
    """
    dependencies = dependants.of(bundle, services)
    return dependencies.reasons(renewed(services, running), running)


def services_to_remove(services: Mapping[str, Service], running: Running) -> tuple[str, ...]:
    """The services that have containers and that the release does not have."""
    return tuple(name for name in running.services if name not in services)


def changed_by_hand(service: Service, present: Sequence[Instance]) -> tuple[str, ...]:
    """What was changed of containers after they were created: networks, limits, content inside.

    What they were created from is unchanged, so nothing but this would replace them.
    """
    if not _all_of(present, service):
        return ()
    networks = any(any(drift.network_diff(service, container)) for container in present)
    altered = {key for container in present for key in container.altered}
    return tuple(sorted(altered | ({"networks"} if networks else set())))


def _all_of(present: Sequence[Instance], service: Service) -> bool:
    """Whether every one of these containers was created from this configuration."""
    return all(container.config == service.config for container in present)


def between(old: Service, new: Service) -> Change:
    """Returns how a service changes from one rendering to the next."""
    change = _replacement(new, "release", parts.compare(old.parts, new.parts))
    scale = ("scale",) if old.replicas != new.replicas else ()
    keys = tuple(sorted((*change.keys, *scale)))
    return replace(change, image_from=old.image, image_to=new.image, keys=keys)


def _replacement(
    service: Service, compared_with: Literal["release", "labels"], differs: PartsDiff
) -> Change:
    return Change(
        service=service.name,
        action="replace",
        compared_with=compared_with,
        variables=Names(added=differs.added, removed=differs.removed, changed=differs.changed),
        keys=differs.keys,
        contents=differs.contents,
    )


def _against(
    container: Instance, service: Service, image: Image, shapes: Mapping[str, LaunchConfig]
) -> Change:
    """A rendering, and a container that the release of record does not describe."""
    found = container.image
    # An index is another name of the same image.
    image_to = found.digest if found.is_of(image) else found.expected(image)
    if container.parts is not None and parts.comparable(container.parts, service.key):
        differs = parts.compare(container.parts, service.parts)
        change = _replacement(service, "labels", differs)
        return replace(change, image_from=found.digest, image_to=image_to)
    shape = shapes.get(container.id)
    added, removed = drift.variables(service.launch, shape) if shape else ((), ())
    changed = drift.other_values(service.launch, shape) if shape else ()
    return Change(
        service=service.name,
        action="replace",
        compared_with="container",
        image_from=found.digest,
        image_to=image_to,
        variables=Names(added=added, removed=removed, changed=changed),
        keys=tuple(sorted(drift.settings(service.launch, shape))) if shape else (),
    )
