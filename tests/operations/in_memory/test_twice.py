"""Faults that come together, or one after the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from morphops.errors import (
    EngineCallFailed,
    EngineUnavailable,
    LockLost,
    MorphopsError,
    PreconditionError,
    RollbackFailed,
    RolledBack,
)
from morphops.operations.abort import abort
from morphops.operations.deploy import deploy
from morphops.operations.resume import resume
from morphops.operations.rollback import rollback
from morphops.operations.up import up
from tests.operations.in_memory.world import (
    NEW,
    NEW_RUNS,
    OLD,
    OLD_RUNS,
    PROJECT,
    Killed,
    World,
)


def killed(world: World, call: str = "create api") -> None:
    world.engine.faults.at(call, Killed(), when="after")
    with pytest.raises(Killed):
        deploy(world.site(), [NEW.digest])


def test_a_resume_that_fails_is_rolled_back_like_any_deploy(running: World) -> None:
    killed(running)
    running.engine.becomes("api", health="unhealthy", health_output="503")
    with pytest.raises(RolledBack) as failed:
        resume(running.site())
    assert failed.value.exit_code == 4
    assert running.runs == OLD_RUNS
    assert running.outcomes[-1] == ("deploy", "rolled back")


def test_a_resume_that_is_killed_can_be_resumed_and_aborted(running: World) -> None:
    killed(running, "remove worker")
    running.engine.faults.at("create api", Killed(), when="after")
    with pytest.raises(Killed):
        resume(running.site())
    running.engine.faults.at("get api *", Killed())
    with pytest.raises(Killed):
        resume(running.site())
    abort(running.site())
    assert running.runs == OLD_RUNS
    assert [how.split()[0] for how in running.records[-1].resumed] == ["resume", "resume", "abort"]


def test_an_abort_that_is_killed_can_be_aborted_again(running: World) -> None:
    killed(running)
    running.engine.faults.at("start api worker", Killed())
    with pytest.raises(Killed):
        abort(running.site())
    abort(running.site())
    assert running.runs == OLD_RUNS


def test_an_abort_that_fails_calls_a_person_who_types_up(running: World) -> None:
    killed(running)
    running.engine.faults.at("start api worker", EngineCallFailed("no space"))
    with pytest.raises(RollbackFailed) as failed:
        abort(running.site())
    assert failed.value.exit_code == 5
    assert "the rollback failed: no space" in failed.value.what
    assert running.outcomes[-1] == ("deploy", "failed")
    up(running.site(), reason="there is space again")
    assert running.runs == OLD_RUNS


def test_a_lock_that_is_taken_away_stops_the_deploy_where_it_is(running: World) -> None:
    def taken() -> None:
        running.engine.locks[PROJECT] = replace(
            running.engine.locks[PROJECT], token="another", user="ben"
        )

    running.engine.faults.at("create api", taken)
    with pytest.raises(LockLost, match="by ben") as lost:
        deploy(running.site(), [NEW.digest])
    assert lost.value.exit_code == 5
    assert running.outcomes[-1] == ("deploy", "")
    assert running.runs["api"] == "new"  # nothing went on, not even back
    running.engine.locks.clear()
    resume(running.site())
    assert running.runs == NEW_RUNS


@pytest.mark.parametrize("call", ["read head", "write head", "check lock", "networks", "taken"])
def test_what_the_engine_refuses_before_anything_began_changes_nothing(
    running: World, call: str
) -> None:
    # A head is written once more where that fails.
    running.engine.faults.at(call, EngineCallFailed("no"), times=2)
    with pytest.raises(MorphopsError) as failed:
        deploy(running.site(), [NEW.digest])
    running.engine.faults.clear()
    assert failed.value.exit_code == 3
    assert running.runs == OLD_RUNS
    if running.outcomes[-1][1] == "":  # it was announced, and nobody could be told
        assert not abort(running.site()).changed
    deploy(running.site(), [NEW.digest])
    assert running.runs == NEW_RUNS


def test_an_engine_that_goes_away_in_the_rollback_is_waited_for(running: World) -> None:
    running.sicken(NEW)
    running.engine.faults.at("start api worker", lambda: running.engine.away(2))
    with pytest.raises(RolledBack):
        deploy(running.site(), [NEW.digest])
    assert running.runs == OLD_RUNS


def test_a_container_of_somebody_else_is_not_touched_by_resume_or_abort(running: World) -> None:
    killed(running)
    running.engine.becomes("db", managed=False)
    for finish in (resume, abort):
        with pytest.raises(PreconditionError, match="no release created: db") as refused:
            finish(running.site())
        assert refused.value.state == "the operation is as it was"
    running.engine.becomes("db", managed=True)
    resume(running.site())
    assert running.runs == NEW_RUNS


def test_an_image_that_somebody_removed_is_fetched_before_anything_is_touched(
    running: World,
) -> None:
    running.engine.local.pop(str(OLD.image("api").ref))
    running.sicken(NEW)
    with pytest.raises(RolledBack):
        deploy(running.site(), [NEW.digest])
    assert running.runs == OLD_RUNS


def test_without_an_engine_nothing_begins(running: World) -> None:
    running.engine.away(10)
    with pytest.raises(EngineUnavailable):
        deploy(running.site(), [NEW.digest])
    running.engine.away(0)
    assert running.outcomes == [("deploy", "deployed")]


def test_a_rollback_after_a_deploy_that_was_killed_names_the_way_on(running: World) -> None:
    running.engine.faults.at("start api", Killed())
    with pytest.raises(Killed):
        deploy(running.site(), [NEW.digest])
    with pytest.raises(PreconditionError, match="is incomplete") as refused:
        rollback(running.site(), reason="it is slow")
    assert "inv resume" in refused.value.hint
    assert "inv abort" in refused.value.hint
