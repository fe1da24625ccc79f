"""Runs a program of an image once, cut off from everything but the folders it is given."""

from __future__ import annotations

from collections.abc import Sequence

from morphops.adapters.docker.client import Docker

_CUT_OFF = (
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)


def run_once(
    docker: Docker,
    *,
    image: str,
    command: Sequence[str],
    doing: str,
    entrypoint: str = "",
    volumes: Sequence[tuple[str, str, str]] = (),
    user: str = "",
    limit: float = 3600.0,
) -> tuple[str, ...]:
    """Run it to its end: no network, read-only root, no capabilities.

    Args:
        docker: the engine.
        image: a local image.
        command: the arguments of the program.
        doing: for errors, as it reads after "could not".
        entrypoint: the program; empty for the image's own.
        volumes: (folder on the host, place, `ro` or `rw`).
        user: `uid:gid` that it runs as, so that what it writes belongs to the caller; empty for
            the image's own.
        limit: seconds.

    Returns:
        what it wrote to stdout, line by line.

    Raises:
        EngineCallFailed: it did not end with 0; with its last lines.
    """
    from python_on_whales.utils import run

    options = [f"--entrypoint={entrypoint}"] if entrypoint else []
    options += [f"--user={user}"] if user else []
    options += [f"--volume={folder}:{place}:{mode}" for folder, place, mode in volumes]
    # Not by its `container.run`, which lets what the program says on stderr through to ours.
    docker_run = [*docker.client(limit).client_config.docker_cmd, "run", "--rm", "--pull=never"]
    with docker.call(doing, limit):
        said = run([*docker_run, *_CUT_OFF, *options, image, *command])
    return tuple(str(said).splitlines())
