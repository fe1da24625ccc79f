"""Kills a process when it has announced so many entries of the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tests.operations.in_memory.world import Killed, World

Act: TypeAlias = Callable[[World], object]


def is_killed(world: World, act: Act, at: int) -> bool:
    """Kill it when it has announced so much; False where it came to its end before."""
    announced = 0

    def count() -> None:
        nonlocal announced
        announced += 1
        if announced == at:
            raise Killed

    world.engine.faults.at("write head", count, times=1000)
    try:
        act(world)
    except Killed:
        return True
    finally:
        world.engine.faults.clear()
        world.observer.on_step.clear()
    return False
