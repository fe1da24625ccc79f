"""Evidence comes from what is judged: services that remember the answers of those they ask."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from morphops.errors import EngineCallFailed, InputError, PreconditionError, RolledBack
from morphops.operations.abort import abort
from morphops.operations.deploy import deploy
from morphops.operations.down import down
from morphops.operations.resume import resume
from morphops.operations.rollback import rollback
from morphops.operations.status import status
from morphops.operations.up import up
from morphops.testing import Behaviour
from tests.operations.in_memory.world import (
    BUNDLE,
    EPOCH_URL,
    PROJECT,
    WELL,
    Killed,
    World,
    release_of,
)
from tests.results import valid

# Two services ask a third one once, and remember the answer: what is judged through them is it.
REMEMBERS = Behaviour(remembers={EPOCH_URL: ("db", EPOCH_URL)})
LIES = Behaviour(answers={EPOCH_URL: b'{"epoch": 8}'})
BESIDE = BUNDLE.replace("services: [api, db]", "services: [api, worker]")
COMPOSE = """
services:
  db:
    image: ${DB_IMAGE:?is not set}
    healthcheck: {test: [CMD, check], interval: 1s, timeout: 1s}
  api: &api
    image: ${API_IMAGE:?is not set}
    environment: {TOKEN: "${TOKEN:?is not set}", LEVEL: "${LEVEL:-info}"}
    healthcheck: {test: [CMD, check], interval: 1s, timeout: 1s}
    depends_on: {db: {condition: service_healthy}}
  worker:
    <<: *api
    command: [work]
"""
JUDGES = BESIDE.replace(
    "settle: 0",
    "  through: {kind: http, service: api, port: 8000, judges: [db]}\n"
    "  as-well: {kind: http, service: worker, port: 8000, judges: [db]}\nsettle: 0",
)
KEEPS = BESIDE + "keeps:\n  - {service: worker, because: it holds no answers}\n"
GOOD = release_of(db="1", bundle=BESIDE, compose=COMPOSE)
BAD = release_of(db="2", bundle=BESIDE, compose=COMPOSE)
BETTER = release_of(db="3", bundle=BESIDE, compose=COMPOSE)
UNDECLARED = COMPOSE.replace("depends_on: {db: {condition: service_healthy}}", "")
KEPT = release_of(db="3", bundle=KEEPS, compose=COMPOSE)
JUDGED = release_of(db="2", bundle=JUDGES, compose=UNDECLARED)
JUDGED_BEFORE = release_of(db="1", bundle=JUDGES, compose=UNDECLARED)
RELEASES = {"1": WELL, "2": LIES, "3": WELL}


@pytest.fixture
def caching(world: World) -> World:
    for db, which in (
        ("1", GOOD), ("2", BAD), ("3", BETTER), ("3", KEPT), ("2", JUDGED), ("1", JUDGED_BEFORE),
    ):  # fmt: skip
        world.keep(which, db=RELEASES[db], api=REMEMBERS)
    deploy(world.site(), [GOOD.digest])
    world.engine.calls.clear()
    return world


def made(world: World) -> dict[str, str]:
    """Service → its container."""
    return {one.service: one.id for one in world.engine_view()}


def answers(world: World) -> set[int]:
    """What is answered now, by those who remember."""
    workloads = world.site().platform.workloads
    running = workloads.observe(PROJECT)
    return {
        json.loads(workloads.http_get(running.of(name)[0], EPOCH_URL, 1))["epoch"]
        for name in ("api", "worker")
    }


def test_a_bad_release_does_not_pass_on_the_memory_of_what_ran_before(caching: World) -> None:
    with pytest.raises(RolledBack, match="served 8, the document says 7"):
        deploy(caching.site(), [BAD.digest])
    assert answers(caching) == {7}  # nor does the way back keep what was remembered of it


def test_the_plan_names_the_reason_for_each(caching: World) -> None:
    plan = valid("deploy", deploy(caching.site(), [BETTER.digest], plan_only=True))
    assert {c["service"]: (c["action"], c["because"]) for c in plan["changes"]} == {
        "db": ("replace", ""),
        "api": ("replace", "depends on db, which is replaced"),
        "worker": ("replace", "depends on db, which is replaced"),
    }
    before = made(caching)
    done = valid("deploy", deploy(caching.site(), [BETTER.digest]))
    assert done["changes"] == plan["changes"]
    assert not set(made(caching).values()) & set(before.values())
    assert {one.release for one in caching.engine_view()} == {BETTER.digest}


def test_a_service_that_the_bundle_keeps_stays(caching: World) -> None:
    before = made(caching)
    deploy(caching.site(), [KEPT.digest])
    after = made(caching)
    assert after["worker"] == before["worker"]
    assert after["api"] != before["api"]


def test_what_a_probe_judges_through_a_service_counts_as_a_dependency(caching: World) -> None:
    deploy(caching.site(), [JUDGED_BEFORE.digest])
    plan = deploy(caching.site(), [JUDGED.digest], plan_only=True)
    assert [change.because for change in plan.changes if change.service != "db"] == [
        "depends on db, which is replaced"
    ] * 2


def test_what_was_replaced_behind_our_back_is_found(caching: World) -> None:
    """`up` replaces what somebody removed, and what depends on it."""
    before = made(caching)
    caching.engine.vanish("db")
    up(caching.site(), reason="it is gone")
    assert not set(made(caching).values()) & set(before.values())
    before = made(caching)
    up(caching.site(), reason="nothing to do")
    assert made(caching) == before
    down(caching.site(), reason="a new disk")
    up(caching.site(), reason="it is here")
    assert answers(caching) == {7}


def test_a_rollback_replaces_what_depends_on_what_it_replaces(caching: World) -> None:
    deploy(caching.site(), [BETTER.digest])
    before = made(caching)
    rollback(caching.site(), reason="it is slow")
    assert not set(made(caching).values()) & set(before.values())


@pytest.mark.parametrize("end", [resume, abort])
@pytest.mark.parametrize("when", ["create db", "start api *", "create api"])
def test_an_operation_that_was_cut_off_forgets_nothing(
    caching: World, when: str, end: Callable[..., object]
) -> None:
    """The servers were replaced before the process died; what depends on them still has to be."""
    before = made(caching)
    caching.engine.faults.at(when, Killed(), when="after")
    with pytest.raises(Killed):
        deploy(caching.site(), [BETTER.digest])
    caching.engine.faults.clear()
    end(caching.site())
    assert not set(made(caching).values()) & set(before.values())


def test_a_way_back_that_touched_nothing_yet_keeps_what_runs(caching: World) -> None:
    before = made(caching)
    caching.engine.faults.at("start db", EngineCallFailed("no space left"))
    with pytest.raises(RolledBack):
        deploy(caching.site(), [BETTER.digest])
    assert made(caching) == before


def test_what_is_kept_and_must_not_outlive_is_refused(caching: World) -> None:
    compose = COMPOSE.replace("service_healthy}", "service_healthy, restart: true}")
    both = release_of(db="3", bundle=KEEPS, compose=compose)
    caching.keep(both, api=REMEMBERS)
    with pytest.raises(InputError) as refused:
        deploy(caching.site(), [both.digest])
    assert "worker: `keeps` lets it stay" in refused.value.message()


MOUNTS = COMPOSE.replace("  api: &api", '    volumes: ["${DATA_DIR}:/data:ro"]\n  api: &api')
MOUNTED = release_of(bundle=BESIDE, compose=MOUNTS)


def say(world: World, **more: object) -> None:
    """Replace the data in place: what decides a variable stays as it was."""
    path = world.folder / "data/manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def test_a_document_that_changes_is_a_change_of_what_mounts_it(caching: World) -> None:
    caching.keep(MOUNTED, api=REMEMBERS)
    deploy(caching.site(), [MOUNTED.digest])
    before = made(caching)
    assert not deploy(caching.site(), [MOUNTED.digest]).changed
    say(caching, block=2)
    plan = deploy(caching.site(), [MOUNTED.digest], plan_only=True)
    assert {change.service: (change.keys, change.because) for change in plan.changes} == {
        "db": (("document data",), ""),
        "api": ((), "depends on db, which is replaced"),
        "worker": ((), "depends on db, which is replaced"),
    }
    deploy(caching.site(), [MOUNTED.digest])
    assert not set(made(caching).values()) & set(before.values())
    assert not deploy(caching.site(), [MOUNTED.digest]).changed


def test_what_ran_on_other_data_is_not_brought_back_on_that_of_now(caching: World) -> None:
    caching.keep(MOUNTED, api=REMEMBERS)
    deploy(caching.site(), [MOUNTED.digest])
    say(caching, block=2)
    with pytest.raises(PreconditionError, match="the data was replaced since"):
        up(caching.site(), reason="a restart")
    assert status(caching.site()).state == "healthy"  # what runs is as it was deployed
    plan = valid("deploy", deploy(caching.site(), [BETTER.digest], plan_only=True))
    assert plan["undo"] is None
    assert "there is no automatic rollback" in "\n".join(caching.observer.lines)


def test_the_seed_of_what_was_asked_stands_in_the_history_and_repeats_it(caching: World) -> None:
    deploy(caching.site(), [BETTER.digest])
    first, second = (record.seed for record in caching.records)
    assert (first[:2], second[:2]) == ("1-", "2-")
    deploy(caching.site().asking(first), [BETTER.digest])
    assert caching.records[-1].seed == first
    down(caching.site(), reason="a new disk")
    assert caching.records[-1].seed == ""  # it asks nothing
    with pytest.raises(InputError, match="--seed=x is not a seed"):
        caching.site().asking("x")
