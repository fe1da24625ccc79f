"""What runs is healthy, or why it is not."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.core.stack import HealthCheck, Running
from morphops.core.verify import health
from tests.samples.probes import container


@pytest.mark.parametrize(
    ("changes", "ready", "final", "says"),
    [
        ({}, True, False, "healthy: api"),
        ({"health": "none"}, True, False, "healthy: api"),
        ({"health": "starting", "health_output": "503\n"}, False, False, "api is starting: 503"),
        ({"health": "unhealthy"}, False, True, "api is unhealthy"),
        ({"state": "exited", "exit_code": 3}, False, True, "api exited with 3"),
        (
            {"state": "restarting", "restarts": 1, "exit_code": 1},
            False,
            False,
            "ends and is started again (once, exit 1)",
        ),
        (
            {"state": "restarting", "restarts": 2},
            False,
            True,
            "ends and is started again (2 times, exit 0)",
        ),
        (  # how it ended is forgotten by then: 0 would be of the one that runs
            {"health": "starting", "restarts": 1},
            False,
            False,
            "ends and is started again (once)",
        ),
    ],
)
def test_health(changes: dict[str, Any], ready: bool, final: bool, says: str) -> None:
    reading = health.read(Running((container(**changes),)), ("api",))
    assert (reading.ready, reading.final) == (ready, final)
    assert says in reading.reason


def test_health_of_what_is_not_there() -> None:
    assert health.read(Running(), ("api",)).reason == "api has no container yet"


FAILED = HealthCheck("2026-11-28T20:00:00Z", False, exit_code=22, output="503\n")


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ()),
        (
            {"health": "starting", "healthcheck": "curl -fsS x", "checks": (FAILED,)},
            (
                "last health check of api, begun 2026-11-28T20:00:00Z, exit 22:",
                "  it runs: curl -fsS x",
                "  503",
            ),
        ),
        (
            {"health": "starting", "healthcheck": "curl -fsS x"},
            ("no health check of api has ended yet", "  it runs: curl -fsS x"),
        ),
        (
            {"healthcheck": "x", "checks": (HealthCheck("t", False, exit_code=1),)},
            ("last health check of api, begun t, exit 1:", "  it runs: x", "  (no output)"),
        ),
        ({"health_output": "503"}, ("last health check of api:", "  503")),
        (
            {"health_output": "x" * 300},
            ("last health check of api:", f"  {'x' * 199}…"),
        ),
    ],
)
def test_what_a_health_check_did(changes: dict[str, Any], lines: tuple[str, ...]) -> None:
    assert health.last_check("api", container(**changes)) == lines
