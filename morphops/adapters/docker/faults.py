"""The errors of calls to the engine, worded once for the API and for the CLI."""

from __future__ import annotations

import os

from morphops.adapters.docker.endpoint import Endpoint
from morphops.errors import EngineCallFailed, EngineUnavailable

_SHOWN = 12  # lines


def no_client() -> EngineUnavailable:
    """The error where the docker CLI is not installed."""
    return EngineUnavailable(
        "there is no `docker` command on PATH", hint="inv host.setup   (or install Docker)"
    )


def no_compose() -> EngineUnavailable:
    """The error where the docker CLI has no Compose."""
    return EngineUnavailable(
        "the docker client has no Compose plugin",
        state="nothing was changed",
        hint="inv host.setup   (installs it beside the engine that runs)",
    )


def no_context(said: str) -> EngineUnavailable:
    """The error where the docker context that is chosen cannot be read; `said` is redacted."""
    return EngineUnavailable(
        "could not read the docker context that DOCKER_CONTEXT or `docker context use` chose",
        state="nothing was changed",
        hint="docker context ls",
        detail=last_lines(said),
    )


def unreachable(doing: str, endpoint: Endpoint) -> EngineUnavailable:
    """The error where no engine answers.

    Args:
        doing: what was attempted, as it reads after "could not".
        endpoint: where it was looked for.
    """
    return EngineUnavailable(
        f"could not {doing}: no Docker engine answers at {endpoint.url}",
        hint="inv host.check   (then `inv host.setup` installs and starts one)",
    )


def denied(doing: str, endpoint: Endpoint) -> EngineUnavailable:
    """The error where the engine's socket may not be used."""
    return EngineUnavailable(
        f"could not {doing}: uid {os.geteuid()} may not use {endpoint.socket or endpoint.url}",
        hint="run as root, or `sudo usermod -aG docker $USER` and log in again",
    )


def too_slow(doing: str, limit: float, said: str = "") -> EngineCallFailed:
    """The error where the engine did not answer in time."""
    return EngineCallFailed(
        f"could not {doing}: no answer within {limit:g} s, so the call was ended",
        hint="inv host.check",
        detail=last_lines(said),
    )


def stalled(doing: str, limit: float) -> EngineCallFailed:
    """The error where a pull made no progress for too long."""
    return EngineCallFailed(
        f"could not {doing}: nothing came for {limit:g} s, so it was given up",
        hint="see whether that registry is well, then the same command again",
    )


def call_failed(doing: str, said: str) -> EngineCallFailed:
    """The error where the engine refused; `said` is redacted."""
    return EngineCallFailed(f"could not {doing}", detail=last_lines(said))


def last_lines(said: str) -> tuple[str, ...]:
    """Return the last lines that are not empty."""
    return tuple(line for line in said.splitlines() if line.strip())[-_SHOWN:]
