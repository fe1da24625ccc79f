"""How long the engine is given to stop containers follows from how long they are given to end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from morphops.adapters.docker import compose
from morphops.adapters.docker.compose import ComposeTarget
from morphops.core.stack import Stack


class Engine:
    """Stands in for `client.Docker`: containers with these stop timeouts, and the limits given."""

    def __init__(self, timeouts: Sequence[tuple[str, int | None]]) -> None:
        self.rows = [row(number, *given) for number, given in enumerate(timeouts)]
        self.limits: dict[str, float] = {}

    def client(self, limit: float = 60, **options: Any) -> Any:
        client = MagicMock()
        listed = [SimpleNamespace(id=row["Id"]) for row in self.rows]
        client.container.list.side_effect = lambda filters, **how: (
            listed if len(filters) == 1 else []
        )
        client.container.stop.side_effect = lambda ids: self.limits.update(stop=limit)
        client.compose.up.side_effect = lambda *words, **how: self.limits.update(up=limit)
        client.compose.down.side_effect = lambda **how: self.limits.update(down=limit)
        return client

    @contextmanager
    def call(self, doing: str, limit: float = 60, **how: Any) -> Iterator[None]:
        self.limits[doing] = limit
        yield

    def inspect(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["Id"] in ids]


def row(number: int, service: str, timeout: int | None) -> dict[str, Any]:
    labels = {"com.docker.compose.service": service}
    return {
        "Id": f"id{number}",
        "Name": f"/{service}-{number}",
        "Image": "sha256:1",
        "State": {"Status": "running"},
        "Config": {"Labels": labels} | ({} if timeout is None else {"StopTimeout": timeout}),
        "HostConfig": {},
    }


@pytest.mark.parametrize(
    ("timeouts", "more"),
    [
        ((), 0),
        ((("a", None),), 10),  # the engine's own
        ((("a", 1), ("b", 200)), 201),  # one may have to wait for the other
        ((("a", -1),), 24 * 3600),  # never killed
        ((("a", 1), ("a", 200)), 200),  # those of one service are stopped together
    ],
)
def test_the_limit_follows_from_what_there_is(
    timeouts: Sequence[tuple[str, int | None]], more: float
) -> None:
    engine = Engine(timeouts)
    target = ComposeTarget(engine, str)  # type: ignore[arg-type]
    stack = Stack("p", (Path("compose.yaml"),), Path("env"))
    target.start(stack, ("a", "b"))
    target.remove("p", ("a", "b"))
    target.teardown("p")
    start, stop = compose._START_LIMIT + more, compose._STOP_LIMIT + more
    assert (engine.limits["up"], engine.limits["start a b"]) == (start, start)
    assert (engine.limits["down"], engine.limits["take down p"]) == (stop, stop)
    if timeouts:
        assert (engine.limits["stop"], engine.limits["remove a b"]) == (stop, stop)
