"""The probes `exec` and `inside`: what is done in a container, and how that is judged."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.adapters import probes
from morphops.adapters.probes import ProbeContext
from morphops.core.probes.exec import Exec
from morphops.core.probes.inside import Inside
from morphops.core.requests import CommandEnd, CommandRequest
from morphops.core.stack import Instance
from morphops.errors import EngineCallFailed, EngineUnavailable
from tests.fakes import FakeTarget
from tests.samples.probes import container

PING = Exec(kind="exec", service="api", command=("redis-cli", "ping"), says="PONG", timeout=3.0)
HEALTH = Inside(kind="inside", service="api", url="http://db:80/health", expect="status == 'ok'")


class Container(FakeTarget):
    """One container, in which everything ends in one way."""

    def __init__(self, answer: Any, **changes: Any) -> None:
        super().__init__({}, containers={"api": container(**changes)})
        self.answer = answer
        self.asked: list[Any] = []

    def _answer(self, asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def execute(self, container: Instance, request: CommandRequest) -> CommandEnd:
        end: CommandEnd = self._answer(request)
        return end

    def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
        body: bytes = self._answer((url, timeout))
        return body


def ended(code: int, *lines: str) -> CommandEnd:
    return CommandEnd(exit_code=code, lines=lines)


@pytest.mark.parametrize(
    ("end", "ready", "final", "reason", "details"),
    [
        (ended(0, "PONG"), True, False, "redis-cli in api ended with 0", ()),
        (
            ended(0, "LOADING", "soon"),
            False,
            False,
            "redis-cli in api does not say 'PONG'",
            ("LOADING", "soon"),
        ),
        (ended(1, "no"), False, False, "redis-cli in api ended with 1", ("no",)),
        (ended(1, *"123456"), False, False, "redis-cli in api ended with 1", tuple("23456")),
        (
            ended(127, "sh: not found"),
            False,
            True,
            "api has no program redis-cli, or it cannot be run there",
            ("sh: not found",),
        ),
        (
            EngineCallFailed("no end within 3 s", detail=("x",)),
            False,
            False,
            "no end within 3 s",
            ("x",),
        ),
    ],
)
def test_a_command(
    end: Any, ready: bool, final: bool, reason: str, details: tuple[str, ...]
) -> None:
    target = Container(end)
    reading = probes.read(PING, ProbeContext(target, "shop", {}))
    assert (reading.ready, reading.final) == (ready, final)
    assert (reading.reason, reading.details) == (reason, details)
    assert target.asked == [CommandRequest(words=("redis-cli", "ping"), limit=3.0)]


@pytest.mark.parametrize(
    ("answer", "ready", "reason"),
    [
        (b'{"status": "ok"}', True, "http://db:80/health answers api"),
        (b'{"status": "no"}', False, "status == 'ok' is not true of"),
        (b"<html>", False, "answers with something else than JSON"),
        (EngineCallFailed("x", detail=("refused",)), False, "does not answer api"),
    ],
)
def test_a_url(answer: Any, ready: bool, reason: str) -> None:
    target = Container(answer)
    reading = probes.read(HEALTH, ProbeContext(target, "shop", {}))
    assert reading.ready == ready
    assert reason in reading.reason
    assert target.asked == [("http://db:80/health", 5.0)]


@pytest.mark.parametrize("probe", [PING, HEALTH])
def test_what_does_not_run_is_not_asked(probe: Any) -> None:
    target = Container(b"", state="exited")
    reading = probes.read(probe, ProbeContext(target, "shop", {}))
    assert (reading.ready, reading.reason, target.asked) == (False, "api does not run", [])


@pytest.mark.parametrize("probe", [PING, HEALTH])
def test_an_engine_that_is_away_is_no_answer(probe: Any) -> None:
    with pytest.raises(EngineUnavailable):
        probes.read(probe, ProbeContext(Container(EngineUnavailable("away")), "shop", {}))


@pytest.mark.parametrize(
    ("probe", "found"),
    [
        (PING, []),
        (Exec(kind="exec", service="api", command=()), ["command: names no program"]),
        (Exec(kind="exec", service="api", command=("",)), ["command: names no program"]),
        (
            Exec(kind="exec", service="api", command=("x",), timeout=0),
            ["timeout: must be more than 0"],
        ),
        (HEALTH, []),
        (
            Inside(kind="inside", service="api", url="db/health"),
            ["url: 'db/health' does not begin with http:// or https://"],
        ),
    ],
)
def test_what_is_wrong_with_one(probe: Exec | Inside, found: list[str]) -> None:
    assert probe.own_findings() == found
