"""The engine's images, and letting go of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from morphops.adapters.docker.buildx import LABEL_PROJECT
from morphops.adapters.docker.client import Docker
from morphops.core.stack import LocalImage
from morphops.errors import EngineCallFailed

_LIMIT = 120.0
_COMMITTED = "com.docker.compose.project"  # a container's label, so somebody made it of one


def images(docker: Docker) -> tuple[LocalImage, ...]:
    """Every image on the engine, with all of its names; without any, only what we built."""
    from python_on_whales.exceptions import NoSuchImage

    with docker.call("list the containers", _LIMIT):
        ids = [c.id for c in docker.client(_LIMIT).container.list(all=True)]
    used = {row["Image"] for row in docker.inspect(ids)}
    found = []
    with docker.call("list the images", _LIMIT):
        for image in docker.client(_LIMIT).image.list():
            try:
                references = frozenset((*image.repo_tags, *image.repo_digests))
                size = int(image.size)
                labels = (image.config.labels if image.config else None) or {}
            except NoSuchImage:  # somebody removed it meanwhile
                continue
            project = "" if _COMMITTED in labels else labels.get(LABEL_PROJECT, "")
            found.append(LocalImage(image.id, references, size, image.id in used, project))
    return tuple(image for image in found if image.references or image.project)


def let_go(docker: Docker, references: Sequence[str]) -> tuple[str, ...]:
    """Remove image references; an image without any is gone, one in use stays.

    Returns:
        the references that the engine would not let go.
    """
    refused = []
    for reference in references:
        try:
            with docker.call(f"remove {reference}", _LIMIT):
                docker.client(_LIMIT).image.remove(reference)
        except EngineCallFailed:
            refused.append(reference)
    return tuple(refused)


def remove_stopped(docker: Docker, containers: Sequence[str]) -> None:
    """Remove containers; one that runs again by now stays."""
    for container in containers:
        with suppress(EngineCallFailed), docker.call(f"remove container {container}", _LIMIT):
            docker.client(_LIMIT).container.remove(container)


def sizes(docker: Docker) -> dict[str, int]:
    """Bytes of images and build cache as the engine counts them, rounded to its four digits."""
    with docker.call("ask how much space is used", _LIMIT):
        used: Any = docker.client(_LIMIT).system.disk_free()
    return {"images": int(used.images.size), "build_cache": int(used.build_cache.size)}


def prune_build_cache(docker: Docker, older_than_hours: int) -> None:
    """Remove what builds have cached and not used for some hours; of everybody on the engine."""
    with docker.call("prune the build cache", _LIMIT):
        docker.client(_LIMIT).buildx.prune(filters={"until": f"{older_than_hours}h"})
