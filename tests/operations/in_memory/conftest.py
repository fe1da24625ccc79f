"""A project on the fake platform, empty or with the old release running."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphops.operations.deploy import deploy
from tests.operations.in_memory.world import OLD, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def running(world: World) -> World:
    """The old release runs, and what was done for it is forgotten."""
    deploy(world.site(), [OLD.digest])
    world.engine.calls.clear()
    world.observer.lines.clear()
    world.observer.steps.clear()
    return world
