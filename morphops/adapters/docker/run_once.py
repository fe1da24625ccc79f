"""Runs a program of an image once, with nothing but the folders that it is given."""

from __future__ import annotations

from dataclasses import dataclass

from morphops.adapters.docker.client import Docker

_ISOLATED = (
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What is run: without network, with a read-only root, without capabilities.

    Attributes:
        image: a local image.
        command: the arguments of the program.
        doing: for errors, as it reads after "could not".
        entrypoint: the program; empty for the image's own.
        volumes: (folder on the host, place, `ro` or `rw`).
        user: `uid:gid` that it runs as, so that what it writes belongs to the caller; empty for
            the image's own.
        limit: seconds.
    """

    image: str
    command: tuple[str, ...]
    doing: str
    entrypoint: str = ""
    volumes: tuple[tuple[str, str, str], ...] = ()
    user: str = ""
    limit: float = 3600.0

    @property
    def words(self) -> list[str]:
        """The words after `docker`."""
        options = [f"--entrypoint={self.entrypoint}"] if self.entrypoint else []
        options += [f"--user={self.user}"] if self.user else []
        options += [f"--volume={folder}:{place}:{mode}" for folder, place, mode in self.volumes]
        run = ["run", "--rm", "--pull=never", *_ISOLATED, *options]
        return [*run, self.image, *self.command]


def run_once(docker: Docker, request: RunRequest) -> tuple[str, ...]:
    """Run it to its end, and return what it wrote to stdout, line by line.

    Raises:
        EngineCallFailed: it did not end with 0; with its last lines.
        EngineUnavailable: no engine answers.
    """
    return tuple(docker.run(request.words, request.doing, request.limit).splitlines())
