"""The override files that a release carries beside those that a person wrote. Pure.

They set the image of each service that the bundle pins. Where an `env_file` is not carried, they
name its variables, whose values come from the env file of a deploy. A service may be in a file that
only a profile brings. So each compose file has an override of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from posixpath import dirname, join, normpath
from typing import Any

from morphops.core import compose_override
from morphops.core.bundle.schema import Bundle
from morphops.core.compose_override import Whole
from morphops.core.release.release import Image
from morphops.core.yaml_text import YamlText

_FOLDER = ".morphops"
SOURCES = "x-morphops-sources"  # image → the name that it was resolved from


def override_of(name: str) -> str:
    """The name of the override that goes with a compose file."""
    return f"{_FOLDER}/{name}"


def is_generated(name: str) -> bool:
    """Whether a file of a release was written by this program."""
    return name.startswith(f"{_FOLDER}/")


def overrides(
    bundle: Bundle,
    texts: Mapping[str, YamlText],
    images: Iterable[Image],
    sources: Mapping[str, str],
) -> dict[str, bytes]:
    """The overrides of a release, by name.

    Args:
        bundle: the release's own.
        texts: compose file → its text.
        images: of the release.
        sources: image → the name that it was resolved from.
    """
    refs = {image.name: str(image.ref) for image in images}
    pinned = {
        service: refs[name]
        for name, spec in bundle.images.items()
        for service in spec.services
        if name in refs
    }
    first, *_ = bundle.compose.files
    known = {service for text in texts.values() for service in text.keys("services")}
    found = {}
    for name in bundle.files():
        there = set(texts[name].keys("services"))
        # What another file brings by `include` stands in none of them.
        there |= {service for service in pinned if service not in known and name == first}
        services: dict[str, dict[str, Any]] = {
            service: {"image": pinned[service]} for service in there if service in pinned
        }
        for service, without in _env_files(bundle, texts, name):
            services.setdefault(service, {}).update(without)
        document: dict[str, Any] = {"services": services} if services else {}
        if document and name == first and sources:
            document[SOURCES] = dict(sources)
        if document:
            found[override_of(name)] = compose_override.text(document)
    return found


def sources_of(files: Mapping[str, bytes], bundle: Bundle) -> dict[str, str]:
    """Image → the name that it was resolved from, as a release says it."""
    name = override_of(bundle.compose.files[0])
    said = YamlText(name, files[name].decode()) if name in files else None
    return {key: said.text_at(SOURCES, key) for key in said.keys(SOURCES)} if said else {}


def _env_files(
    bundle: Bundle, texts: Mapping[str, YamlText], name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The services of a file with an `env_file` that is not carried, and what they get instead."""
    base = dirname(bundle.compose.files[0])
    text = texts[name]
    for service in text.keys("services") if bundle.compose.values else ():
        named = env_files(text, service)
        kept = [path for path in named if normpath(join(base, path)) not in bundle.compose.values]
        if kept == named:
            continue
        own = {key for other in texts.values() for key in _environment(other, service)}
        variables = {
            variable: None
            for path in named
            for variable in bundle.compose.values.get(normpath(join(base, path)), ())
            if variable not in own
        }
        # Of a variable without a value Compose takes what the env file has, if it has it.
        yield service, {"env_file": Whole(kept), "environment": variables}


def env_files(text: YamlText, service: str) -> list[str]:
    """The paths under `env_file` of a service, as they are written."""
    where = ("services", service, "env_file")
    if one := text.text_at(*where):
        return [one]
    items = [(*where, number) for number in text.keys(*where)]
    found = [text.text_at(*item) or text.text_at(*item, "path") for item in items]
    return [path for path in found if path]


def _environment(text: YamlText, service: str) -> Iterator[str]:
    where = ("services", service, "environment")
    for key in text.keys(*where):
        line = text.text_at(*where, key) if key.isdigit() else ""
        yield line.partition("=")[0] if line else key
