"""Profiles in memory: what a wrong name switches off, and a release that leaves nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from morphops.core.release import artifact
from morphops.core.release.release import Release
from morphops.errors import InputError, MorphopsError
from morphops.operations import drift, verify, wait
from morphops.operations.deploy import deploy
from morphops.operations.release import find
from morphops.operations.up import up
from morphops.site import Site
from tests.operations.in_memory.world import COMPOSE, OLD, SCHEMA, World

ALL_OFF = COMPOSE.replace("    image:", "    profiles: [prod]\n    image:")
ONE_OFF = COMPOSE.replace("    image: ${API", "    profiles: [mail, cache]\n    image: ${API")
PROFILES = f"{SCHEMA}  COMPOSE_PROFILES: {{about: What is on., default: ''}}\n"


def made(compose: str) -> Release:
    files = {**OLD.files, "compose.yaml": compose.encode(), "schema.yaml": PROFILES.encode()}
    made = artifact.encode_release(dataclasses.replace(OLD, files=files))
    return artifact.decode(made.digest, made.manifest, made.blobs.__getitem__)


def deployed(world: World, compose: str, profiles: str) -> Any:
    release = made(compose)
    find.keep(world.site(), release)
    world.set(COMPOSE_PROFILES=f"'{profiles}'")
    return deploy(world.site(), [release.digest])


@pytest.mark.parametrize("profiles", ["prodd", "PROD", "pro d", "prod,prodd", "prodd,*"])
@pytest.mark.parametrize("compose", [ALL_OFF])
def test_a_profile_that_no_service_has_is_refused_with_those_that_there_are(
    world: World, compose: str, profiles: str
) -> None:
    deployed(world, compose, "prod")
    before = world.engine_view()
    with pytest.raises(InputError, match="no service of the release has the profile") as refused:
        deployed(world, compose, profiles)
    assert refused.value.detail == ("profiles of the release: prod",)
    assert [c.id for c in world.engine_view()] == [c.id for c in before]
    assert world.outcomes == [("deploy", "deployed")]


@pytest.mark.parametrize("profiles", ["cache, mail", " mail ", "mail,,", "*", "cache"])
def test_blanks_around_a_name_do_not_matter(world: World, profiles: str) -> None:
    deployed(world, ONE_OFF, profiles)
    assert {c.service for c in world.engine_view()} == {"api", "db"}


@pytest.mark.parametrize("profiles", ["", " , "])
def test_a_release_that_leaves_nothing_is_not_deployed(world: World, profiles: str) -> None:
    deployed(world, ALL_OFF, "prod")
    with pytest.raises(InputError, match="nothing would run") as refused:
        deployed(world, ALL_OFF, profiles)
    assert "inv down" in refused.value.hint
    assert {c.service for c in world.engine_view()} == {"api", "db"}


def emptied(world: World) -> None:
    """What an earlier version left: the release of record runs, by its values, no service."""
    deployed(world, ALL_OFF, "prod")
    for values in (world.folder / "state").glob("deployments/*/values.env"):
        values.write_text(values.read_text().replace("COMPOSE_PROFILES='prod'", ""))
    for service in ("api", "db"):
        world.engine.vanish(service)


def code(look: Callable[[Site], Any], site: Site) -> int:
    try:
        exit_code: int = look(site).exit
    except MorphopsError as err:
        return err.exit_code
    return exit_code


@pytest.mark.parametrize(
    ("look", "exit_code"), [(drift.look, 6), (verify.verify, 6), (wait.wait, 3), (up, 2)]
)
def test_nothing_at_all_is_no_success(
    world: World, look: Callable[[Site], Any], exit_code: int
) -> None:
    emptied(world)
    assert code(look, world.site()) == exit_code


def test_going_back_to_a_release_that_left_nothing_takes_all_away(world: World) -> None:
    emptied(world)
    world.sicken(OLD)
    with pytest.raises(MorphopsError) as failed:
        deployed(world, ALL_OFF, "prod")
    assert failed.value.exit_code == 4
    assert world.engine_view() == []
