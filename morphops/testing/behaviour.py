"""How the containers of an image behave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from morphops.core.stack import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the containers of an image do once they are started.

    Attributes:
        health: what the health check says; services without a health check have none.
        state: `running`, or what else becomes of them (`exited`, `restarting`).
        exit_code: of a container that does not run.
        lasts: of one that ends, how often it is observed while it is still at work.
        health_output: what the health check prints.
        logs: the lines that a container writes when it starts.
        answers: URL → the body of the answer, for requests from inside of a container.
        remembers: URL → the service and the URL that its answer comes from. A container asks once,
            and gives that answer for as long as it lives.
    """

    health: Health = "healthy"
    state: str = "running"
    exit_code: int = 0
    lasts: int = 0
    health_output: str = ""
    logs: tuple[str, ...] = ()
    answers: Mapping[str, bytes] = field(default_factory=dict)
    remembers: Mapping[str, tuple[str, str]] = field(default_factory=dict)


WELL = Behaviour()
SICK = Behaviour(health="unhealthy", health_output="503 Service Unavailable")
