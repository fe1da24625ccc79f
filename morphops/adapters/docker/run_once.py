"""Runs a program of an image once, with nothing but the folders that it is given."""

from __future__ import annotations

from morphops.adapters.docker.client import Docker
from morphops.core.requests import RunRequest

_ISOLATED = (
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)


def words(request: RunRequest) -> list[str]:
    """The words after `docker` that run it."""
    options = [f"--entrypoint={request.entrypoint}"] if request.entrypoint else []
    options += [f"--user={request.user}"] if request.user else []
    options += [f"--volume={folder}:{place}:{mode}" for folder, place, mode in request.volumes]
    run = ["run", "--rm", "--pull=never", *_ISOLATED, *options]
    return [*run, request.image, *request.command]


def run_once(docker: Docker, request: RunRequest) -> tuple[str, ...]:
    """Run it to its end, and return what it wrote to stdout, line by line.

    Raises:
        EngineCallFailed: it did not end with 0; with its last lines.
        EngineUnavailable: no engine answers.
    """
    return tuple(docker.run(words(request), request.doing, request.limit).splitlines())
