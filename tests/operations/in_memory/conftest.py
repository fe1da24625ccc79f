"""A project on the fake platform, empty or with the old release running."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from morphops.operations.deploy import deploy
from morphops.testing import FakeEngine
from tests.operations.in_memory.kept import laid
from tests.operations.in_memory.world import MEMORY, OLD, World


@pytest.fixture(scope="session")
def folders() -> Iterator[Path]:
    """Where worlds are kept, and in `now` the one of a test: each stands at the same place, so that
    what was made in it can be laid there again.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="morphops-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def made(folders: Path) -> FakeEngine:
    """The engine of a world that was just made; its files are in `made`."""
    engine = World(folders / "now").engine
    shutil.move(folders / "now", folders / "made")
    return engine


@pytest.fixture(scope="session")
def deployed(folders: Path, made: FakeEngine) -> FakeEngine:
    """The same after the first deploy of the old release; its files are in `deployed`."""
    world = laid(folders, "made", made)
    deploy(world.site(), [OLD.digest])
    world.engine.calls.clear()
    shutil.move(folders / "now", folders / "deployed")
    return world.engine


@pytest.fixture
def world(folders: Path, made: FakeEngine) -> World:
    return laid(folders, "made", made)


@pytest.fixture
def running(folders: Path, deployed: FakeEngine) -> World:
    """The old release runs, and what was done for it is forgotten."""
    return laid(folders, "deployed", deployed)
