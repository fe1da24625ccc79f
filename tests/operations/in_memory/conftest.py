"""A project on the fake platform, empty or with the old release running."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from morphops.operations.deploy import deploy
from tests.adapters.registry import fake_registry
from tests.operations.in_memory.kept import Kept, keep, laid
from tests.operations.in_memory.stranger import Stranger
from tests.operations.in_memory.world import MEMORY, OLD, World


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """Where the world of a test stands: each at the same place, so that what was made in it can be
    laid there again.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="morphops-test-") as folder:
        yield Path(folder) / "now"


@pytest.fixture(scope="session")
def made(place: Path) -> Kept:
    """A world that was just made."""
    return keep(World(place))


@pytest.fixture(scope="session")
def deployed(place: Path, made: Kept) -> Kept:
    """The same after the first deploy of the old release."""
    world = laid(place, made)
    deploy(world.site(), [OLD.digest])
    return keep(world)


@pytest.fixture
def world(place: Path, made: Kept) -> World:
    return laid(place, made)


@pytest.fixture
def running(place: Path, deployed: Kept) -> World:
    """The old release runs, and what was done for it is forgotten."""
    return laid(place, deployed)


@pytest.fixture
def stranger(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    """A project with literal images, and the registry that has them."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with fake_registry.running() as registry:
        yield Stranger(world, registry)
