"""Whole operations in memory, from request to recorded end, that go as they should."""

from __future__ import annotations

import dataclasses

import pytest

from morphops.errors import InputError, LockHeld, PreconditionError, RolledBack
from morphops.operations.deploy import Choices, deploy
from morphops.operations.down import down
from morphops.operations.rollback import rollback
from morphops.operations.status import status
from morphops.operations.up import up
from morphops.testing import FakeContainer, FakePlatform
from tests.operations.in_memory.world import (
    NEW,
    NEW_RUNS,
    OLD,
    OLD_RUNS,
    PROJECT,
    SECRET,
    World,
)
from tests.results import valid


def test_the_first_deploy_starts_wave_after_wave(world: World) -> None:
    done = valid("deploy", deploy(world.site(), [OLD.digest]))
    assert (done["state"], done["changed"]) == ("healthy", True)
    assert world.engine.calls == [
        "pull api", "hold api", "pull db", "hold db", "start db", "start api worker",
    ]  # fmt: skip
    assert world.runs == OLD_RUNS
    assert world.outcomes == [("deploy", "deployed")]


def test_an_upgrade_replaces_only_what_differs(running: World) -> None:
    before = {c.service: c.id for c in running.engine_view()}
    done = valid("deploy", deploy(running.site(), [NEW.digest]))
    after = {c.service: c.id for c in running.engine_view()}
    assert {c["service"]: c["action"] for c in done["changes"]} == {
        "api": "replace", "db": "keep", "worker": "remove",
    }  # fmt: skip
    assert running.runs == NEW_RUNS
    assert after["db"] == before["db"]
    assert after["api"] != before["api"]
    assert {c.service: c.release for c in running.engine_view()} == {
        "api": NEW.digest, "db": OLD.digest,
    }  # fmt: skip


def test_the_same_release_again_changes_nothing(running: World) -> None:
    before = [c.id for c in running.engine_view()]
    assert not valid("deploy", deploy(running.site(), [OLD.digest]))["changed"]
    assert [c.id for c in running.engine_view()] == before


def test_other_values_replace_what_uses_them(running: World) -> None:
    running.set(LEVEL="debug")
    done = valid("deploy", deploy(running.site(), [OLD.digest]))
    assert [c["service"] for c in done["changes"] if c["action"] == "replace"] == ["api"]


def test_a_rollback_brings_release_and_values_of_before(running: World) -> None:
    running.set(LEVEL="debug")
    deploy(running.site(), [NEW.digest])
    running.engine.served.clear()  # a registry that is gone does not matter
    rollback(running.site(), reason="it is slow")
    assert running.runs == OLD_RUNS
    launched = running.engine.containers[PROJECT, "", "api", 1].launch
    assert launched.argv == ("serve", "--level=info")
    assert running.outcomes[-1] == ("rollback", "deployed")


def test_down_and_up(running: World) -> None:
    assert valid("down", down(running.site(), reason="the disk is replaced"))["changed"]
    assert running.runs == {}
    assert running.engine.volumes == {PROJECT: {"shop_rows"}}
    assert not valid("down", down(running.site()))["changed"]
    up(running.site(), reason="the disk is new")
    assert running.runs == OLD_RUNS
    assert running.outcomes == [
        ("deploy", "deployed"), ("down", "stopped"), ("up", "deployed"),
    ]  # fmt: skip


def test_a_release_that_stays_sick_is_rolled_back_with_its_last_words_redacted(
    running: World,
) -> None:
    running.sicken(NEW)
    with pytest.raises(RolledBack, match="api is unhealthy") as failed:
        deploy(running.site(), [NEW.digest])
    told = failed.value.message()
    assert "last health check of api, begun 00000" in told
    assert "the token is" in told
    assert SECRET not in told
    assert running.runs == OLD_RUNS


def test_without_an_automatic_rollback_the_release_stays_to_be_looked_into(running: World) -> None:
    running.sicken(NEW)
    with pytest.raises(Exception, match="api is unhealthy"):
        deploy(running.site(), [NEW.digest], choices=Choices(no_rollback=True))
    assert running.runs == {"api": "running unhealthy", "db": "same"}
    assert running.outcomes[-1] == ("deploy", "failed")


def test_a_plan_changes_nothing_and_leaves_nothing(running: World) -> None:
    files = sorted(running.folder.rglob("*"))
    planned = valid("deploy", deploy(running.site(), [NEW.digest], plan_only=True))
    assert planned["steps"][-1] == "verify what runs"
    assert (running.engine.calls, running.runs) == ([], OLD_RUNS)
    assert sorted(running.folder.rglob("*")) == files


def test_every_reason_to_refuse_is_told_at_once(running: World) -> None:
    running.engine.becomes("db", managed=False)
    running.engine.busy.add(("127.0.0.1", 8123, "tcp"))
    running.engine.becomes("api", state="exited", ports=())
    with pytest.raises(PreconditionError, match="2 reasons not to begin") as refused:
        deploy(running.site(), [NEW.digest])
    assert any("no release created: db" in line for line in refused.value.detail)
    assert any("8123 is taken" in line for line in refused.value.detail)
    assert refused.value.exit_code == 3
    assert running.outcomes == [("deploy", "deployed")]
    assert running.engine.calls == []


def test_what_is_wrong_with_the_values_is_an_input_error(running: World) -> None:
    running.set(TOKEN="")
    with pytest.raises(InputError):
        deploy(running.site(), [NEW.digest])
    assert running.runs == OLD_RUNS


def test_two_operators_cannot_deploy_at_once(running: World) -> None:
    refused: list[LockHeld] = []

    def other() -> None:
        with pytest.raises(LockHeld) as held:
            deploy(running.site(), [OLD.digest])
        refused.append(held.value)

    running.engine.faults.at("start api", other)
    deploy(running.site(), [NEW.digest])
    assert "deploy" in refused[0].what
    assert running.runs == NEW_RUNS


def test_an_engine_that_restarts_in_the_middle_is_waited_for_and_rolled_back(
    running: World,
) -> None:
    running.engine.faults.at("create api", lambda: running.engine.away(1))
    with pytest.raises(RolledBack):
        deploy(running.site(), [NEW.digest])
    assert "waiting: the engine does not answer" in running.observer.lines
    assert "the engine had let the lock go; it is held again" in running.observer.lines
    assert running.runs == OLD_RUNS
    assert running.outcomes[-1] == ("deploy", "rolled back")


def test_status_of_what_runs(running: World) -> None:
    assert valid("status", status(running.site()))["state"] == "healthy"
    running.engine.becomes("db", health="unhealthy")
    seen = valid("status", status(running.site()))
    assert (seen["state"], seen["release"]) == ("unhealthy", OLD.digest)


def test_the_fake_is_a_platform_without_slots() -> None:
    with pytest.raises(PreconditionError, match="one generation"):
        FakePlatform().workloads.start(None, ["api"], "blue")  # type: ignore[arg-type]


def test_containers_of_one_service_have_names_of_their_own(running: World) -> None:
    one = next(c for c in running.engine_view() if c.service == "worker")
    other = dataclasses.replace(one, id="e" * 64, replica_index=2)
    running.engine.add(FakeContainer(PROJECT, other))
    names = [(c.service, c.name) for c in status(running.site()).services]
    assert ("worker", "worker-1") in names
    assert ("worker", "worker-2") in names
    assert ("api", "api") in names
