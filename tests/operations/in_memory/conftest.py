"""A project on the fake platform, empty or with the old release running."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from morphops.operations.deploy import deploy
from tests.operations.in_memory.world import MEMORY, OLD, World


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="morphops-test-") as folder:
        yield World(Path(folder))


@pytest.fixture
def running(world: World) -> World:
    """The old release runs, and what was done for it is forgotten."""
    deploy(world.site(), [OLD.digest])
    world.engine.calls.clear()
    world.observer.lines.clear()
    world.observer.steps.clear()
    return world
