"""What the tasks of the group `registry` come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryInfo(Result):
    """The local registry.

    Attributes:
        state: `started`, `running` (it was there before), `stopped`, `absent`, or `elsewhere`: the
            registry is not on this machine.
        exit: 0.
        address: `host:port`; empty where it does not run.
        container: the container's name.
        volume: the volume's name.
        deleted: whether its data is deleted.
    """

    state: Literal["started", "running", "stopped", "absent", "elsewhere"]
    address: str
    container: str = ""
    volume: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPrune(Result):
    """What leaves the registry, and what stays.

    Attributes:
        state: `planned` (nothing was removed) or `pruned`.
        exit: 0.
        address: `host[:port]` of the registry.
        kept: release → what keeps it.
        releases: digests of the releases that are removed.
        manifests: all that is removed, as `repository@digest`.
        unknown: how many releases of the registry were never here, and stay.
        nothing: whether there is nothing to remove.
        local: whether the registry is on this machine; another one frees its space in its own
            garbage collection.
        freed: bytes that were freed; 0 without `--apply`, and where the registry is not local.
    """

    state: Literal["planned", "pruned"]
    address: str
    kept: Mapping[str, tuple[str, ...]]
    releases: tuple[str, ...]
    manifests: tuple[str, ...]
    unknown: int
    nothing: bool
    local: bool
    freed: int = 0
