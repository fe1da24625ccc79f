"""A project on the fake platform, empty or with the old release running."""

from __future__ import annotations

import copy
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from morphops.operations.deploy import deploy
from morphops.testing import FakeEngine, Faults
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


def laid(folders: Path, name: str, engine: FakeEngine) -> World:
    """A world that was kept, at its place."""
    now = folders / "now"
    shutil.rmtree(now, ignore_errors=True)
    shutil.copytree(folders / name, now)
    values = {f.name: getattr(engine, f.name) for f in fields(engine)}
    # Who waits for news, and what is to go wrong, is each engine's own.
    own = {n for n, value in values.items() if isinstance(value, (threading.Condition, Faults))}
    kept = {name: value for name, value in values.items() if name not in own}
    return World(now, FakeEngine(**copy.deepcopy(kept)))


@pytest.fixture
def world(folders: Path, made: FakeEngine) -> World:
    return laid(folders, "made", made)


@pytest.fixture
def running(folders: Path, deployed: FakeEngine) -> World:
    """The old release runs, and what was done for it is forgotten."""
    return laid(folders, "deployed", deployed)
