"""The end of a project, in memory."""

from __future__ import annotations

import dataclasses

import pytest

from morphops.errors import (
    EngineCallFailed,
    InputError,
    MorphopsError,
    PreconditionError,
)
from morphops.operations import drift
from morphops.operations.deploy import deploy
from morphops.operations.destroy import destroy
from morphops.operations.rollback import rollback
from morphops.operations.status import status
from morphops.operations.up import up
from tests.operations.in_memory.world import NEW, NEW_RUNS, OLD, OLD_RUNS, PROJECT, Killed, World
from tests.results import valid


def test_the_plan_says_what_would_go_and_changes_nothing(running: World) -> None:
    plan = valid("destroy", destroy(running.site(), plan_only=True))
    assert (plan["state"], plan["operation"]) == ("planned", 0)
    assert plan["containers"] == ["api", "db", "worker"]
    assert plan["networks"] == ["shop_default"]
    assert plan["volumes"] == ["shop_rows"]
    assert plan["images"]
    assert plan["kept"] == str(running.folder / "state")
    assert running.engine.calls == []
    assert running.runs == OLD_RUNS


def test_nothing_is_left_but_the_history(running: World) -> None:
    done = valid("destroy", destroy(running.site(), project=PROJECT, reason="moved"))
    assert (done["state"], done["volumes"]) == ("destroyed", ["shop_rows"])
    assert running.runs == {}
    engine = running.engine
    assert (engine.volumes, engine.networks, engine.heads) == ({}, {}, {})
    assert engine.held == {}
    record = running.records[-1]
    assert (record.kind, record.subject, record.outcome) == ("destroy", PROJECT, "done")
    assert record.id == done["operation"]
    assert any("volumes, with their data: shop_rows" in line for line in running.observer.lines)
    assert status(running.site()).state == "no release"
    for act in (lambda: up(running.site()), lambda: drift.look(running.site())):
        with pytest.raises(PreconditionError, match="no release of record"):
            act()
    with pytest.raises(PreconditionError, match="no earlier release"):
        rollback(running.site(), reason="x")


def test_after_it_a_deploy_begins_from_nothing(running: World) -> None:
    destroy(running.site(), project=PROJECT)
    deploy(running.site(), [NEW.digest])
    assert running.runs == NEW_RUNS
    with pytest.raises(PreconditionError, match="no earlier release"):
        rollback(running.site(), reason="x")
    destroy(running.site(), project=PROJECT)
    destroy(running.site(), project=PROJECT)  # there is nothing, and that is fine
    assert running.runs == {}


@pytest.mark.parametrize(
    ("typed", "says"), [("shpo", "'shpo' is not the name"), ("", "needs the project's name")]
)
def test_another_name_or_none(running: World, typed: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        destroy(running.site(), project=typed)
    assert caught.value.hint.startswith("inv destroy --project=shop")
    assert running.runs == OLD_RUNS
    assert running.engine.calls == []


def test_where_nothing_was_ever_done_nothing_is_ours(world: World) -> None:
    world.engine.volumes[PROJECT] = {"somebody's"}
    with pytest.raises(PreconditionError, match="nothing was ever done here"):
        destroy(world.site(), project=PROJECT)
    assert world.engine.volumes == {PROJECT: {"somebody's"}}


def test_containers_of_others_are_in_the_way(running: World) -> None:
    running.engine.becomes("api", managed=False)
    with pytest.raises(PreconditionError, match="no release created"):
        destroy(running.site(), project=PROJECT)


def test_an_operation_that_is_incomplete_comes_first(running: World) -> None:
    running.engine.faults.at("start api", Killed())
    with pytest.raises(Killed):
        deploy(running.site(), [NEW.digest])
    with pytest.raises(PreconditionError, match="is incomplete"):
        destroy(running.site(), project=PROJECT)


def test_where_the_engine_refuses_the_same_command_goes_on(running: World) -> None:
    running.engine.faults.at("destroy", EngineCallFailed("the volume is in use"))
    with pytest.raises(MorphopsError, match="the volume is in use") as caught:
        destroy(running.site(), project=PROJECT)
    assert caught.value.hint == "inv destroy --project=shop"
    assert running.records[-1].outcome == "failed"
    destroy(running.site(), project=PROJECT)
    assert running.runs == {}


@pytest.mark.parametrize("call", ["destroy", "remove heads"])
def test_where_it_is_killed_the_same_command_goes_on(running: World, call: str) -> None:
    running.engine.faults.at(call, Killed())
    with pytest.raises(Killed):
        destroy(running.site(), project=PROJECT)
    destroy(running.site(), project=PROJECT)
    assert (running.runs, running.engine.heads) == ({}, {})


def test_the_history_goes_where_that_is_asked(running: World) -> None:
    (running.folder / "state/notes.txt").write_text("of somebody")
    destroy(running.site(), project=PROJECT, with_history=True)
    left = sorted(path.name for path in (running.folder / "state").iterdir())
    assert left == ["notes.txt", "shop.env"]
    running.keep(OLD)
    deploy(running.site(), [OLD.digest])
    assert running.runs == OLD_RUNS


def test_a_registry_elsewhere_does_not_go(running: World) -> None:
    path = running.folder / "ops/bundle.yaml"
    path.write_text(path.read_text().replace("127.0.0.1:1", "registry.example"))
    site = running.site()
    assert dataclasses.is_dataclass(site)
    with pytest.raises(InputError, match="is not on this machine"):
        destroy(site, project=PROJECT, with_registry=True)
