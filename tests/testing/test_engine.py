"""What a test can do to a fake engine."""

from __future__ import annotations

import pytest

from morphops.core.stack import Identity, Instance, Running
from morphops.errors import EngineCallFailed, EngineUnavailable
from morphops.testing import FakeContainer, FakeEngine, FakePlatform, Faults


def container(service: str, project: str = "shop") -> FakeContainer:
    identity = Identity("config", "sha256:0")
    return FakeContainer(project, Instance(service, f"{service}-id", identity, "running", "none"))


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.add(container("api"))
    return engine


def test_a_fault_happens_as_often_as_it_is_told() -> None:
    faults = Faults()
    faults.at("start *", EngineCallFailed("no"), times=2)
    for _ in range(2):
        with pytest.raises(EngineCallFailed), faults.around("start api"):
            pass
    assert faults.pending == ()
    with faults.around("start api"), faults.around("stop api"):
        pass


def test_a_fault_before_a_call_keeps_it_from_being_done_and_one_after_does_not(
    engine: FakeEngine,
) -> None:
    workloads = FakePlatform(engine).workloads
    engine.faults.at("remove api", EngineCallFailed("no"))
    with pytest.raises(EngineCallFailed):
        workloads.remove("shop", ["api"])
    assert (engine.calls, workloads.observe("shop").services) == ([], ("api",))
    engine.faults.at("remove api", EngineCallFailed("no"), when="after")
    with pytest.raises(EngineCallFailed):
        workloads.remove("shop", ["api"])
    assert (engine.calls, workloads.observe("shop")) == (["remove api"], Running())


def test_a_fault_that_never_happened_is_pending_until_it_is_cleared() -> None:
    faults = Faults()
    faults.at("teardown", EngineCallFailed("no"))
    assert list(faults.pending) == ["teardown"]
    faults.clear()
    assert list(faults.pending) == []


def test_a_fault_can_be_a_function(engine: FakeEngine) -> None:
    engine.faults.at("observe", lambda: engine.becomes("api", state="exited"))
    (one,) = FakePlatform(engine).workloads.observe("shop").containers
    assert one.state == "exited"


def test_an_engine_that_is_away_comes_back(engine: FakeEngine) -> None:
    platform = FakePlatform(engine)
    platform.away(2)
    with pytest.raises(EngineUnavailable):
        platform.workloads.observe("shop")
    assert [platform.workloads.is_reachable() for _ in range(3)] == [False, False, True]
    assert platform.workloads.observe("shop").services == ("api",)


def test_an_engine_that_goes_away_in_a_call_fails_that_call(engine: FakeEngine) -> None:
    engine.faults.at("remove api", lambda: engine.away(1))
    with pytest.raises(EngineUnavailable, match="went away"):
        FakePlatform(engine).workloads.remove("shop", ["api"])
    assert engine.calls == ["remove api"]


def test_containers_vanish_and_change(engine: FakeEngine) -> None:
    engine.becomes("api", health="unhealthy", health_output="503")
    (one,) = FakePlatform(engine, redact=str.upper).workloads.observe("shop").containers
    assert (one.health, one.health_output) == ("unhealthy", "503")
    engine.vanish("api")
    assert FakePlatform(engine).workloads.observe("shop") == Running()
    with pytest.raises(AssertionError, match="api has no container"):
        engine.becomes("api", state="exited")
