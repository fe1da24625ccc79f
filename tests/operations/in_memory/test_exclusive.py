"""What only one container can have moves between the services of a stack, forward and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from morphops.core.release import artifact
from morphops.core.release.release import Release
from morphops.errors import EngineCallFailed, RolledBack
from morphops.operations.abort import abort
from morphops.operations.deploy import deploy
from morphops.operations.release import find
from morphops.operations.resume import resume
from morphops.operations.rollback import rollback
from tests.operations.in_memory.world import BUNDLE, OLD, Killed, World

pytestmark = pytest.mark.unmeasured

COMPOSE = """
services:
  db:
    image: ${DB_IMAGE:?is not set}
%s
  api:
    image: ${API_IMAGE:?is not set}
    environment: {TOKEN: "${TOKEN:?is not set}"}
%s
"""
PROBELESS = BUNDLE.replace("api, worker], deadline: 5, probes: [ready]}", "api], deadline: 5}")
PROBELESS = PROBELESS.partition("  ready:\n")[0] + "settle: 0\n"
NOTHING = "    init: true"
ONE, TWO = '    ports: ["127.0.0.1:8123:80"]', '    ports: ["127.0.0.1:8124:80"]'
ALL = '    ports: ["8123:80"]'
NAME = "    container_name: shop-redis"
PLACE = "    networks: {back: {ipv4_address: 10.0.0.5}}"
LATER = "networks: {back: {}}\n"

# (db, api) before → (db, api) after; db is in the first wave.
MOVES = {
    "a port goes to an earlier wave": ((NOTHING, ONE), (ONE, NOTHING)),
    "a port goes to a later wave": ((ONE, NOTHING), (NOTHING, ONE)),
    "two ports are swapped": ((ONE, TWO), (TWO, ONE)),
    "an address of all keeps one from having its own": ((NOTHING, ALL), (ONE, NOTHING)),
    "a name": ((NOTHING, NAME), (NAME, NOTHING)),
    "an address": ((NOTHING, PLACE), (PLACE, NOTHING)),
}


# Whatever it is that moves: those after these have the plan of the first.
PLANS = [*MOVES][:3]


def made(db: str, api: str) -> Release:
    files = {
        **OLD.files,
        "bundle.yaml": PROBELESS.encode(),
        "compose.yaml": (COMPOSE % (db, api) + LATER).encode(),
    }
    made = artifact.encode_release(dataclasses.replace(OLD, files=files))
    return artifact.decode(made.digest, made.manifest, made.blobs.__getitem__)


def both(world: World, move: str) -> tuple[Release, Release]:
    """The release before, which runs, and the one after."""
    before, after = (made(*pair) for pair in MOVES[move])
    for release in (before, after):
        find.keep(world.site(), release)
    deploy(world.site(), [before.digest])
    world.engine.calls.clear()
    return before, after


def runs(world: World, release: Release) -> bool:
    found = {(c.service, c.release, c.ready) for c in world.engine_view()}
    return found == {("api", release.digest, True), ("db", release.digest, True)}


@pytest.mark.parametrize("move", MOVES)
def test_who_has_it_goes_first_and_the_plan_shows_it(world: World, move: str) -> None:
    before, after = both(world, move)
    planned = deploy(world.site(), [after.digest], plan_only=True)
    assert any(step.startswith("remove ") for step in planned.steps)  # type: ignore[union-attr]
    deploy(world.site(), [after.digest])
    assert runs(world, after)
    rollback(world.site(), reason="it is slow")
    assert runs(world, before)


@pytest.mark.parametrize("move", PLANS)
@pytest.mark.parametrize("service", ["db", "api"])
def test_what_fails_in_the_middle_is_undone(world: World, move: str, service: str) -> None:
    before, after = both(world, move)
    world.engine.faults.at(f"start {service}", EngineCallFailed("no"), times=1, when="after")
    with pytest.raises(RolledBack):
        deploy(world.site(), [after.digest])
    assert runs(world, before)


@pytest.mark.parametrize("move", PLANS)
@pytest.mark.parametrize("call", ["remove *", "start db", "start api"])
@pytest.mark.parametrize("end", [abort, resume])
def test_what_is_killed_in_the_middle_is_ended_either_way(
    world: World, move: str, call: str, end: Callable[..., object]
) -> None:
    before, after = both(world, move)
    world.engine.faults.at(call, Killed(), when="after")
    with pytest.raises(Killed):
        deploy(world.site(), [after.digest])
    end(world.site())
    assert runs(world, after if end is resume else before)
