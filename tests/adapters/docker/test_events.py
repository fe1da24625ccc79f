"""The event stream: what wakes a wait, and what does not."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.events import EventWatch
from tests.adapters.docker.fake_engine import FakeEngine, chunked, says, sends


def lines(*actions: str) -> bytes:
    return b"".join(json.dumps({"Action": action}).encode() + b"\n" for action in actions)


@pytest.fixture
def docker(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Docker:
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    return Docker()


def waited(watch: EventWatch, timeout: float) -> float:
    begun = time.monotonic()
    watch.wait(timeout)
    return time.monotonic() - begun


def test_what_happens_ends_a_wait(fake: FakeEngine, docker: Docker) -> None:
    events = chunked(lines("exec_start: true", "start"), whole=False)
    fake.answers["/events"] = sends(events, then_hangs=True)
    with EventWatch(docker, "a=b") as watch:
        assert waited(watch, 600) < 600
    (_, _, _, query) = fake.asked[-1]
    assert json.loads(query["filters"][0]) == {"type": ["container"], "label": ["a=b"]}
    assert float(query["since"][0]) <= time.time()


def test_a_health_check_does_not(fake: FakeEngine, docker: Docker) -> None:
    events = chunked(lines("exec_create: true", "exec_start: true", "exec_die"))
    fake.answers["/events"] = sends(events)
    with EventWatch(docker, "a=b") as watch:
        assert waited(watch, 0.3) >= 0.3


@pytest.mark.parametrize("status", [200, 500])
def test_a_stream_that_ends_or_never_began_is_no_failure(
    fake: FakeEngine, docker: Docker, status: int
) -> None:
    fake.answers["/events"] = says(b"", status)
    with EventWatch(docker, "a=b") as watch:
        assert waited(watch, 0.1) >= 0.1


def test_no_engine_is_no_failure_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    with EventWatch(Docker(), "a=b") as watch:
        assert waited(watch, 0.1) >= 0.1
