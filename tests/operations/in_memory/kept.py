"""Worlds that are made once and laid out again for each test, since that costs a fraction."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from morphops.testing import FakeEngine, Faults
from tests.operations.in_memory.world import World


@dataclass(frozen=True)
class Kept:
    """A world as it was.

    Attributes:
        modes: folders and files, a folder before what is in it → permission bits.
        contents: files → what is in them.
        engine: its engine.
    """

    modes: Mapping[str, int]
    contents: Mapping[str, bytes]
    engine: FakeEngine


def laid(place: Path, kept: Kept) -> World:
    """A world that was kept, again at its place."""
    shutil.rmtree(place, ignore_errors=True)
    for name, mode in kept.modes.items():
        path = f"{place}/{name}"
        if name in kept.contents:
            # As it was, whatever this process takes away from the bits that are asked for.
            with open(path, "wb", opener=_new) as file:
                file.write(kept.contents[name])
                os.fchmod(file.fileno(), mode)
        else:
            os.mkdir(path)  # noqa: PTH102 - hundreds of times, and that alone would be a tenth
            os.chmod(path, mode)  # noqa: PTH101
    return World(place, copy_of(kept.engine))


def keep(world: World) -> Kept:
    """Keep what a world is now, for `laid`; what was done is forgotten."""
    modes, contents = {"": world.folder.stat().st_mode & 0o7777}, {}
    for path in sorted(world.folder.rglob("*")):
        name = str(path.relative_to(world.folder))
        modes[name] = path.stat().st_mode & 0o7777
        if path.is_file():
            contents[name] = path.read_bytes()
    engine = copy_of(world.engine)
    engine.calls.clear()
    return Kept(modes, contents, engine)


def copy_of(engine: FakeEngine) -> FakeEngine:
    """An engine with the same in it, for which nothing is to go wrong yet."""
    values = {f.name: getattr(engine, f.name) for f in fields(engine)}
    # Who waits for news, and what is to go wrong, is each engine's own.
    own = {n for n, value in values.items() if isinstance(value, (threading.Condition, Faults))}
    kept = {name: value for name, value in values.items() if name not in own}
    return FakeEngine(**pickle.loads(pickle.dumps(kept)))  # a fifth of what a deep copy takes


def _new(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)
