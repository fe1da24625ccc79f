"""What Compose makes of compose files, without an engine and whatever this shell exports."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from morphops.adapters.docker.argv import hidden
from morphops.adapters.docker.client import Docker
from morphops.errors import ConfigError

_LIMIT = 30.0


class ComposeFileReader:
    """Implements `ComposeFiles` with the Compose plugin."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def check_available(self) -> None:
        """See `ComposeFiles.check_available`."""
        self._docker.need_compose()

    def model(
        self,
        files: Sequence[Path],
        *,
        env_file: Path,
        profiles: Sequence[str],
        environ: Mapping[str, str],
        ignore: Collection[str] = (),
    ) -> dict[str, Any]:
        """See `ComposeFiles.model`."""
        return rendered(
            self._docker,
            files,
            env_file=env_file,
            profiles=profiles,
            environ=environ,
            ignore=ignore,
        )


def rendered(
    docker: Docker,
    files: Sequence[Path],
    *,
    env_file: Path,
    profiles: Sequence[str],
    environ: Mapping[str, str],
    ignore: Collection[str] = (),
    project: str = "",
) -> dict[str, Any]:
    """Return the merged model of some compose files (`docker compose config`).

    Args:
        docker: the client with Compose.
        files: in order.
        env_file: the values.
        profiles: those that are on; `*` is all.
        environ: the process environment.
        ignore: names in it that must not decide anything here.
        project: its name; empty for what the files or their folder say.

    Raises:
        ConfigError: Compose refuses; its own words are in `detail`.
        EngineUnavailable: there is no docker client with Compose.
    """
    words = ["compose", f"--env-file={env_file}", f"--project-directory={files[0].parent}"]
    words += [f"--project-name={project}"] if project else []
    words += [*(f"--file={file}" for file in files), *(f"--profile={name}" for name in profiles)]
    without = hidden(environ, ignore)
    env = {name: value for name, value in environ.items() if name not in without}
    try:
        said = docker.run(
            [*words, "config", "--format=json"],
            "render the compose files",
            _LIMIT,
            env=env,
            refusal=ConfigError,
        )
    except ConfigError as err:
        # Warnings that a variable is not set come first; what it stumbled over comes last.
        own = tuple(line for line in err.detail if "level=warning" not in line)
        raise ConfigError(err.what, detail=own) from None
    model: dict[str, Any] = json.loads(said)
    return model
