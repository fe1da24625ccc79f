"""Runs a program of an image once, cut off from everything but the folders it is given."""

from __future__ import annotations

from collections.abc import Sequence

from morphops.docker.client import Docker

_LIMIT = 3600.0


def run(
    docker: Docker,
    *,
    image: str,
    entrypoint: str,
    command: Sequence[str],
    volumes: Sequence[tuple[str, str, str]],
    user: str,
    doing: str,
) -> tuple[str, ...]:
    """Run it to its end: no network, read-only root, no capabilities.

    Args:
        docker: the engine.
        image: a local image.
        entrypoint, command: the program and its arguments.
        volumes: (folder on the host, place, `ro` or `rw`).
        user: `uid:gid` that it runs as, so that what it writes belongs to the caller.
        doing: for errors, as it reads after "could not".

    Returns:
        what it wrote to stdout, line by line.

    Raises:
        EngineCallFailed: it did not end with 0; with its last lines.
    """
    with docker.call(doing, _LIMIT):
        said = docker.client(_LIMIT).container.run(
            image,
            list(command),
            entrypoint=entrypoint,
            remove=True,
            pull="never",
            networks=["none"],
            read_only=True,
            tmpfs=["/tmp"],  # noqa: S108 - a path in the container
            cap_drop=["ALL"],
            security_options=["no-new-privileges"],
            user=user,
            volumes=list(volumes),
        )
    return tuple(str(said).splitlines())
