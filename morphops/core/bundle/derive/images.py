"""The images of services: one for each text that `image:` has, and one for each build. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from morphops.core.checks.interpolation import substituted, variables
from morphops.errors import ConfigError

_WHOLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?\?[^}]*)?\}|([A-Za-z_]\w*))")


@dataclass(frozen=True, slots=True)
class DerivedImage:
    """One image.

    Attributes:
        spec: as the bundle has it.
        origin: the text of the compose file that it comes from.
    """

    spec: Mapping[str, Any]
    origin: str


def images(
    services: Mapping[str, Mapping[str, Any]],
    *,
    project: str,
    ends: Collection[str],
    values: Mapping[str, str],
    where: Mapping[str, str],
) -> dict[str, DerivedImage]:
    """The images by name: each is called like the first service that has it and is no job.

    Args:
        services: by name.
        project: the stack's name; what is built here lies below it in the registry.
        ends: the services that are jobs.
        values: of `.env`; they decide `image: app:${TAG}`, as Compose has it.
        where: service → `file:line`, for messages.

    Raises:
        ConfigError: a service has neither an image nor a build, or its tag has no value.
    """
    found: dict[str, DerivedImage] = {}
    for text, names in _by_text(services, where).items():
        built = next((name for name in names if services[name].get("build")), "")
        first = next((name for name in names if name not in ends), names[0])
        name = _free(_name(first, text), found)
        if built:
            spec = {"repository": f"{project}/{name}", "services": names, "target": built}
        else:
            spec = _spec(text, names, f"{project}/{name}", values)
        found[name] = DerivedImage(spec, text)
    return found


def _by_text(
    services: Mapping[str, Mapping[str, Any]], where: Mapping[str, str]
) -> dict[str, list[str]]:
    """The text of each `image:`, and the services that have it."""
    groups: dict[str, list[str]] = {}
    for name, service in services.items():
        text = str(service.get("image") or "")
        if not text and not service.get("build"):
            raise ConfigError(
                f"{where.get(name, name)}: {name} has neither image nor build",
                state="nothing was changed",
                hint=f"write image: into {name}",
            )
        # A variable is the same one with an error text behind it and without.
        variable = _variable(text)
        key = f"${{{variable}}}" if variable else text or f"build of {name}"
        groups.setdefault(key, []).append(name)
    return groups


def _spec(
    text: str, names: list[str], repository: str, values: Mapping[str, str]
) -> dict[str, Any]:
    variable = _variable(text)
    if variable and not values.get(variable):
        return {"repository": repository, "variable": variable}
    source = substituted(text, values)
    if source is None:
        missing = [name for name, operator, _ in variables(text) if not values.get(name)]
        raise ConfigError(
            f"{names[0]}: image: {text}: {missing[0]} has no value, so the image is not known",
            state="nothing was changed",
            hint=f"write {missing[0]}=… into .env beside the compose file",
        )
    return {"source": source, "services": names}


def _variable(text: str) -> str:
    """The variable that a text is, where it is one and has no default."""
    whole = _WHOLE.fullmatch(text)
    return (whole[1] or whole[2]) if whole else ""


def _name(service: str, text: str) -> str:
    """A name that can be typed: a-z, 0-9 and -."""
    variable = _variable(text)
    named = variable.removesuffix("_IMAGE") if variable.endswith("_IMAGE") else ""
    return re.sub(r"[^a-z0-9]+", "-", (named or service).lower()).strip("-") or "image"


def _free(name: str, taken: Collection[str]) -> str:
    """The name, or with a number behind it where another image has it."""
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
