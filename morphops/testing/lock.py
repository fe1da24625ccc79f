"""The lock in memory: exclusive, and gone with the block that holds it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from morphops.core.lock import Holder, refusal
from morphops.testing.engine import FakeEngine


class FakeHeld:
    """Implements `Held`."""

    def __init__(self, engine: FakeEngine, project: str, holder: Holder) -> None:
        self.holder = holder
        self._engine = engine
        self._project = project

    def alive(self, *, sure: bool = True) -> bool:
        """See `Held.alive`."""
        if not sure:
            return self.holder.is_same(self._engine.locks.get(self._project))
        with self._engine.call("check lock"):
            return self.holder.is_same(self._engine.locks.get(self._project))

    def reacquire(self) -> None:
        """See `Held.reacquire`."""
        with self._engine.call("lock"):
            other = self._engine.locks.setdefault(self._project, self.holder)
            if not self.holder.is_same(other):
                raise refusal(other)


class FakeLock:
    """Implements `Lock` for one fake engine."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    @contextmanager
    def hold(
        self, project: str, holder: Holder, wait: float = 0, inside: str = ""
    ) -> Iterator[FakeHeld]:
        """See `Lock.hold`."""
        with self._engine.call("lock"):
            self._acquire(project, holder, wait, inside)
        try:
            yield FakeHeld(self._engine, project, holder)
        finally:
            self._release(project, holder)

    def holder(self, project: str) -> Holder | None:
        """See `Lock.holder`."""
        with self._engine.call("check lock"):
            return self._engine.locks.get(project)

    def steal(self, project: str, holder: Holder) -> None:
        """See `Lock.steal`."""
        with self._engine.call("steal lock"):
            self._release(project, holder)

    def _acquire(self, project: str, holder: Holder, wait: float, inside: str) -> None:
        end = time.monotonic() + wait
        while True:
            seen = self._engine.version
            other = self._engine.locks.setdefault(project, holder)
            if holder.is_same(other):
                return
            left = end - time.monotonic()
            if left <= 0 or other.token == inside:
                raise refusal(other, inside, wait)
            self._engine.await_change(seen, left)

    def _release(self, project: str, holder: Holder) -> None:
        if holder.is_same(self._engine.locks.get(project)):
            del self._engine.locks[project]
            self._engine.changed()
