"""What Compose makes of compose files, without an engine and whatever this shell exports."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from morphops.adapters.docker.client import bounded, hidden
from morphops.errors import ConfigError

_LIMIT = 30.0


def rendered(
    files: Sequence[Path],
    *,
    env_file: Path,
    profiles: Sequence[str],
    environ: Mapping[str, str],
    ignore: Collection[str] = (),
) -> dict[str, Any]:
    """The merged model of some compose files, as `docker compose config` has it.

    Args:
        files: in order.
        env_file: the values.
        profiles: those that are on; `*` is all.
        environ: the process environment.
        ignore: names in it that must not decide anything here.

    Raises:
        ConfigError: Compose refuses; its own words are in `detail`.
    """
    command = [*bounded(_LIMIT), "compose", f"--env-file={env_file}"]
    command += [f"--project-directory={files[0].parent}", *(f"--file={file}" for file in files)]
    command += [*(f"--profile={profile}" for profile in profiles), "config", "--format=json"]
    without = hidden(environ, ignore)
    env = {name: value for name, value in environ.items() if name not in without}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        # Warnings that a variable is not set come first; what it stumbled over comes last.
        said = [line for line in done.stderr.splitlines() if "level=warning" not in line]
        raise ConfigError("Compose refuses the files", detail=tuple(said))
    model: dict[str, Any] = json.loads(done.stdout)
    return model
