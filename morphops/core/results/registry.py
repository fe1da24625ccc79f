"""What the tasks of the group `registry` come to. Pure."""

from __future__ import annotations

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
