"""Worlds that are made once and laid out again for each test, since that costs a fraction."""

from __future__ import annotations

import copy
import shutil
import threading
from dataclasses import fields
from pathlib import Path

from morphops.testing import FakeEngine, Faults
from tests.operations.in_memory.world import World


def laid(folders: Path, name: str, engine: FakeEngine) -> World:
    """A world that was kept, at its place."""
    now = folders / "now"
    shutil.rmtree(now, ignore_errors=True)
    shutil.copytree(folders / name, now)
    return World(now, copy_of(engine))


def keep(folders: Path, name: str, world: World) -> FakeEngine:
    """Keep what a world at its place is now, for `laid`; what was done is forgotten.

    Returns:
        its engine as it is now.
    """
    shutil.rmtree(folders / name, ignore_errors=True)
    shutil.copytree(world.folder, folders / name)
    engine = copy_of(world.engine)
    engine.calls.clear()
    return engine


def copy_of(engine: FakeEngine) -> FakeEngine:
    """An engine with the same in it, for which nothing is to go wrong yet."""
    values = {f.name: getattr(engine, f.name) for f in fields(engine)}
    # Who waits for news, and what is to go wrong, is each engine's own.
    own = {n for n, value in values.items() if isinstance(value, (threading.Condition, Faults))}
    kept = {name: value for name, value in values.items() if name not in own}
    return FakeEngine(**copy.deepcopy(kept))
