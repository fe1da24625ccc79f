"""What `top` comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class TopRow:
    """A container, and what it uses right now.

    Attributes:
        service: whose it is.
        name: what to call it: `web-2` where the service has several.
        state: of the container, in the engine's word.
        health: `healthy`, `unhealthy`, `starting`, or empty without a health check.
        restarts: how often it was started again automatically.
        cpu: percent of one processor; two that are busy are 200.
        memory: bytes.
        memory_limit: bytes that it may have, or that the machine has.
        processes: how many.
        checked: when its last health check began, as the engine says it; empty: none ended yet.
        check_exit: with which that ended.
    """

    service: str
    name: str
    state: str
    health: str
    restarts: int
    cpu: float
    memory: int
    memory_limit: int
    processes: int
    checked: str = ""
    check_exit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Top(Result):
    """What the containers of the project use, the busiest first.

    Attributes:
        state: `ok`, or `down` where nothing is there.
        exit: 0.
        project: its name on the engine.
        containers: one object each.
    """

    state: Literal["ok", "down"]
    project: str
    containers: tuple[TopRow, ...]
