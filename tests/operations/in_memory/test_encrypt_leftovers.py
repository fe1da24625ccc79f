"""After `env.encrypt` no plain value is left of commands that were killed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from morphops.adapters.store.files import used
from morphops.operations.deploy import deploy
from morphops.operations.env.encrypt import encrypt
from morphops.operations.env.identity import identity
from morphops.site import Site
from tests.operations.in_memory.world import NEW, SECRET, World


@pytest.fixture
def site(running: World) -> Site:
    site = running.site()
    own = dataclasses.replace(site.settings, age_identity=str(running.folder / "identity.txt"))
    site = dataclasses.replace(site, settings=own)
    identity(site)
    return site


def plain(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]


def test_what_a_killed_plan_left_is_gone(running: World, site: Site) -> None:
    left = running.folder / "state/.plan-abcd1234/deployment/values.env"
    left.parent.mkdir(parents=True)
    left.write_text(f"TOKEN={SECRET}\n")
    half = running.folder / "state/.shop.env.abcd1234.part"
    half.write_text(f"TOKEN={SECRET}\n")
    done = encrypt(site)
    assert set(done.leftovers) == {str(left.parent.parent), str(half)}
    assert done.leftovers_left == ()
    assert plain(running.folder / "state") == []


def test_a_plan_that_is_made_meanwhile_keeps_its_folder(running: World, site: Site) -> None:
    folder = running.folder / "state/.plan-abcd1234"
    folder.mkdir()
    with used(folder):
        assert encrypt(site).leftovers == ()
    assert folder.exists()


def test_a_plan_is_at_its_folder_for_as_long_as_it_lives(running: World, site: Site) -> None:
    running.engine.faults.at("outside", lambda: done.append(encrypt(site)), times=1)
    done: list[object] = []
    deploy(running.site(), [NEW.digest], plan_only=True)
    assert [d.leftovers for d in done] == [()]  # type: ignore[attr-defined]
