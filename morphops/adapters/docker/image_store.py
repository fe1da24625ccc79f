"""The engine's images: lists them, and removes names of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from morphops.adapters.docker import labels
from morphops.adapters.docker.client import Docker
from morphops.core.stack import ImageFacts, LocalImage
from morphops.errors import EngineCallFailed

_LIMIT = 120.0


def images(docker: Docker) -> tuple[LocalImage, ...]:
    """Return every image on the engine with all its names; without any, only what we built."""
    used = {row["ImageID"] for row in docker.engine.containers(_LIMIT)}
    listed = docker.engine.images(_LIMIT)
    inspected = docker.engine.inspect_images([row["Id"] for row in listed], _LIMIT)
    layers = {row["Id"]: (row.get("RootFS") or {}).get("Layers") or () for row in inspected}
    found = (_image(row, used, layers.get(row["Id"], ())) for row in listed)
    return tuple(image for image in found if image.references or image.project)


def _image(row: Mapping[str, Any], used: Collection[str], layers: Sequence[str]) -> LocalImage:
    """One image as the engine lists it (Engine API, ImageSummary)."""
    names = (*(row.get("RepoTags") or ()), *(row.get("RepoDigests") or ()))
    built = row.get("Labels") or {}
    return LocalImage(
        id=row["Id"],
        # Engines before 25 write `<none>:<none>` and `<none>@<none>` for no name at all.
        references=frozenset(name for name in names if not name.startswith("<none>")),
        size=int(row["Size"]),
        used=row["Id"] in used,
        # One that Compose's labels are on was committed from a container: a person made it.
        project="" if labels.PROJECT in built else built.get(labels.BUILT_FOR, ""),
        layers=tuple(layers),
        shared=max(0, int(row.get("SharedSize") or 0)),
    )


def remove_references(docker: Docker, references: Sequence[str]) -> tuple[str, ...]:
    """Remove image references; an image without any is gone, one in use stays.

    Returns:
        the references that the engine did not remove.
    """
    refused = []
    for reference in references:
        try:
            docker.engine.remove_image(reference, _LIMIT)
        except EngineCallFailed:
            # With its last tag an image loses the other names too; what is gone was not refused.
            if docker.engine.inspect_images([reference]):
                refused.append(reference)
    return tuple(refused)


def remove_stopped(docker: Docker, containers: Sequence[str]) -> None:
    """Remove containers; one that runs again by now stays."""
    for container in containers:
        with suppress(EngineCallFailed):
            docker.engine.remove_container(container, _LIMIT)


def sizes(docker: Docker) -> dict[str, int]:
    """Return the bytes of images and build cache; what both share counts as the images'."""
    used = docker.engine.disk_use(_LIMIT)
    cache = (row for row in used.get("BuildCache") or () if not row.get("Shared"))
    return {
        "images": int(used.get("LayersSize") or 0),
        "build_cache": sum(int(row.get("Size") or 0) for row in cache),
    }


def facts(docker: Docker, reference: str) -> ImageFacts | None:
    """Return what an image says of itself; None where it is not here."""
    found = docker.engine.inspect_images([reference])
    if not found:
        return None
    own = found[0].get("Config") or {}
    return ImageFacts(
        user=own.get("User") or "",
        variables=tuple(entry.partition("=")[0] for entry in own.get("Env") or ()),
        layers=docker.engine.layers(reference),
    )


def load(docker: Docker, tag: str, ids: Collection[str], archive: Iterable[bytes]) -> str:
    """Put an image into the engine without any registry; see `LocalRegistry.load`."""
    found = _id(docker, tag)
    if found not in ids:
        with docker.call(f"load the image {tag}", _LIMIT):
            docker.client(_LIMIT).image.load(iter(archive))
        found = _id(docker, tag)
    if not found:
        raise EngineCallFailed(
            f"could not load the image {tag}: the engine took it, and does not have it",
            hint="inv host.check   (disk space)",
        )
    return found


def id_of(docker: Docker, digests: Sequence[str]) -> str:
    """Return by which of these digests the engine names an image; empty where it has none.

    Args:
        docker: the engine.
        digests: of the manifest and of the configuration of one image. The first is its ID with
            the containerd image store, the second with the others.
    """
    ids = {str(row.get("Id")) for row in docker.engine.inspect_images(digests)}
    return next((digest for digest in digests if digest in ids), "")


def _id(docker: Docker, tag: str) -> str:
    return next((str(row["Id"]) for row in docker.engine.inspect_images([tag])), "")
