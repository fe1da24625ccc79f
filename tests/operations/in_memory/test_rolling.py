"""Replicas that are replaced one after the other, where the compose file says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphops.core.release.release import Release
from morphops.errors import RolledBack
from morphops.operations.abort import abort
from morphops.operations.deploy import deploy
from morphops.operations.resume import resume
from morphops.operations.status import status
from morphops.testing import FakeEngine
from tests.operations.in_memory.kept import keep, laid
from tests.operations.in_memory.world import BUNDLE, COMPOSE, Killed, World, release_of


def release(api: str, update: str) -> Release:
    deploys = f"    deploy: {{replicas: 3, update_config: {{{update}}}}}\n"
    compose = COMPOSE.replace('    ports: ["127.0.0.1:8123:8000"]\n', deploys)
    return release_of(api=api, compose=compose, bundle=BUNDLE.replace("[api, worker]", "[api]"))


STOP_FIRST = "parallelism: 1"
START_FIRST = "parallelism: 2, order: start-first, delay: 1ms"


def shop(folders: Path, made: FakeEngine, update: str) -> tuple[World, Release]:
    """The old release runs in three containers; the new one is there to be deployed."""
    world = laid(folders, "made", made)
    old, new = release("1", update), release("2", update)
    for one in (old, new):
        world.keep(one)
    deploy(world.site(), [old.digest])
    world.engine.calls.clear()
    return world, new


def changes(world: World) -> list[str]:
    return [c for c in world.engine.calls if c.startswith(("start", "remove"))]


def test_one_after_the_other(folders: Path, made: FakeEngine) -> None:
    world, new = shop(folders, made, STOP_FIRST)
    deploy(world.site(), [new.digest])
    one = ["remove one api", "start more api"]
    assert changes(world) == ["start db", *one, *one, *one, "start api"]
    assert status(world.site()).state == "healthy"
    world.engine.calls.clear()
    deploy(world.site(), [new.digest])
    assert changes(world) == ["start db", "start api"], "what is as it should be stays"


def test_the_new_ones_are_healthy_before_the_old_ones_go(folders: Path, made: FakeEngine) -> None:
    world, new = shop(folders, made, START_FIRST)
    deploy(world.site(), [new.digest])
    assert changes(world) == [
        "start db", "start more api", "remove one api", "remove one api",
        "start more api", "remove one api", "start api",
    ]  # fmt: skip
    assert len([c for c in world.engine_view() if c.service == "api"]) == 3
    assert status(world.site()).state == "healthy"


@pytest.mark.parametrize("update", [STOP_FIRST, START_FIRST])
def test_a_batch_that_stays_sick_is_the_last(folders: Path, made: FakeEngine, update: str) -> None:
    world, new = shop(folders, made, update)
    world.sicken(new)
    before = {c.id for c in world.engine_view()}
    with pytest.raises(RolledBack, match="api is unhealthy"):
        deploy(world.site(), [new.digest])
    kept = before & {c.id for c in world.engine_view()}
    assert len(kept) == (4 if update == START_FIRST else 3), "the others were never touched"
    assert status(world.site()).state == "healthy"


@pytest.mark.parametrize("update", [STOP_FIRST, START_FIRST])
def test_killed_in_the_middle(folders: Path, made: FakeEngine, update: str) -> None:
    world, new = shop(folders, made, update)
    engine = keep(folders, "rolling", world)
    for call in ("remove one api", "start more api"):
        for end in (resume, abort):
            world = laid(folders, "rolling", engine)
            world.engine.faults.at(call, Killed(), when="after")
            with pytest.raises(Killed):
                deploy(world.site(), [new.digest])
            world.engine.faults.clear()
            end(world.site())
            seen = status(world.site())
            assert seen.state == "healthy"
            assert (seen.release == new.digest) == (end is resume)
            assert len([c for c in world.engine_view() if c.service == "api"]) == 3
