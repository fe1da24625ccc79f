"""What a deploy does to each service, and in what it will differ from what is there. Pure.

Where what runs was created from the release of record, two renderings are compared: every variable
and every key of the configuration. Elsewhere a container shows only how it was started. Of values
only the names are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from morphops.core.bundle.schema import Bundle
from morphops.core.plan import dependants
from morphops.core.release.release import Image
from morphops.core.stack import Instance, LaunchConfig, Running, Service
from morphops.core.verify import drift

Action: TypeAlias = Literal["create", "replace", "scale", "start", "keep", "remove"]


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of what runs.

    Attributes:
        services: as the release of record renders; empty where there is none.
        shapes: how containers were started, by id; only of those that it does not describe.
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
        action: `scale` one that is to have another number of containers, and is otherwise
            unchanged; `start` one that stopped and is otherwise unchanged; `keep` what runs so.
        compared_with: `release` the release of record, `container` what the engine shows of it,
            where values and the rest of the configuration cannot be compared; empty for nothing.
        image_from, image_to: references; of a container the digest that the engine names, and the
            same kind of digest of the release. Empty where there is none.
        variables: of its environment.
        keys: of its configuration, by the names of the compose-spec.
        because: why it is replaced although nothing of its own differs; else empty.
    """

    service: str
    action: Action
    compared_with: Literal["release", "container", ""] = ""
    image_from: str = ""
    image_to: str = ""
    variables: Names = Names()
    keys: tuple[str, ...] = ()
    because: str = ""


def of_deploy(
    images: Sequence[Image],
    services: Mapping[str, Service],
    running: Running,
    before: Before,
    because: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Change, ...]:
    """What a deploy does to each service: the ones to come in order, then the ones to go.

    Args:
        images: of the release.
        services: as it renders.
        running: what is there.
        before: what is known of that.
        because: services that are made anew for others, and why; see `for_others`.
    """
    known = {str(image.ref): image for image in images}
    found = []
    for name, service in services.items():
        present, old = running.of(name), before.services.get(name)
        if not present:
            found.append(Change(service=name, action="create", image_to=service.image))
        elif on_wrong_networks(service, present):
            networks = Change(
                service=name,
                action="replace",
                compared_with="container",
                image_from=service.image,
                image_to=service.image,
                keys=("networks",),
            )
            found.append(networks)
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


def renewed(services: Mapping[str, Service], running: Running) -> frozenset[str]:
    """The services that are created or replaced for a reason of their own.

    Args:
        services: as the release renders.
        running: what is there.
    """
    return frozenset(
        name
        for name, service in services.items()
        if not (present := running.of(name))
        or not _all_of(present, service)
        or on_wrong_networks(service, present)
    )


def for_others(bundle: Bundle, services: Mapping[str, Service], running: Running) -> dict[str, str]:
    """The services that are made anew because of what they depend on: service → why, in words.

    Args:
        bundle: says what probes judge, and what is kept.
        services: as the release renders.
        running: what is there.
    """
    dependencies = dependants.of(bundle, services)
    return dependencies.reasons(renewed(services, running), running)


def undescribed(
    services: Mapping[str, Service], running: Running, known: Mapping[str, Service]
) -> Running:
    """The containers that will be replaced and that no rendering describes.

    Args:
        services: as the release renders.
        running: what is there.
        known: as the release of record renders.
    """
    return Running(
        tuple(
            container
            for container in running.containers
            if (service := services.get(container.service))
            and container.config != service.config
            and not ((old := known.get(container.service)) and container.config == old.config)
        )
    )


def services_to_remove(services: Mapping[str, Service], running: Running) -> tuple[str, ...]:
    """The services that have containers and that the release does not have."""
    return tuple(name for name in running.services if name not in services)


def on_wrong_networks(service: Service, present: Sequence[Instance]) -> bool:
    """Whether containers are on other networks than they were created for.

    They are otherwise unchanged, so nothing but this would replace them.
    """
    return _all_of(present, service) and any(
        any(drift.network_diff(service, container)) for container in present
    )


def _all_of(present: Sequence[Instance], service: Service) -> bool:
    """Whether every one of these containers was created from this configuration."""
    return all(container.config == service.config for container in present)


def between(old: Service, new: Service) -> Change:
    """Returns how a service changes from one rendering to the next."""
    common = old.variables.keys() & new.variables.keys()
    return Change(
        service=new.name,
        action="replace",
        compared_with="release",
        image_from=old.image,
        image_to=new.image,
        variables=Names(
            added=tuple(sorted(new.variables.keys() - common)),
            removed=tuple(sorted(old.variables.keys() - common)),
            changed=tuple(sorted(n for n in common if old.variables[n] != new.variables[n])),
        ),
        keys=tuple(
            sorted(
                key
                for key in old.keys.keys() | new.keys.keys() | {"scale"}
                if old.keys.get(key) != new.keys.get(key)
                or (key == "scale" and old.replicas != new.replicas)
            )
        ),
    )


def _against(
    container: Instance, service: Service, image: Image, shapes: Mapping[str, LaunchConfig]
) -> Change:
    """A rendering, and a container of which only the engine knows how it was started."""
    found = container.image
    shape = shapes.get(container.id)
    added, removed = drift.variables(service.launch, shape) if shape else ((), ())
    return Change(
        service=service.name,
        action="replace",
        compared_with="container",
        image_from=found.digest,
        # An index is another name of the same image.
        image_to=found.digest if found.is_of(image) else found.expected(image),
        variables=Names(added=added, removed=removed),
        keys=tuple(sorted(drift.settings(service.launch, shape))) if shape else (),
    )
