"""One client of a fake engine, as a `Platform`."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Literal

from morphops.interfaces import Platform
from morphops.testing.engine import FakeEngine
from morphops.testing.faults import Faults
from morphops.testing.heads import FakeHeads
from morphops.testing.images import FakeImages
from morphops.testing.lock import FakeLock
from morphops.testing.remedies import FakeRemedies
from morphops.testing.workloads import FakeWorkloads


class FakePlatform(Platform):
    """A `Platform` in memory.

    Args:
        engine: what it is a client of; a new one where none is given.
        redact: applied to log lines and health output.
        can: what it can do; with `slots` two generations of a service run beside each other.

    Attributes:
        engine: the place itself, where a test looks and changes things.
    """

    engine: FakeEngine

    def __init__(
        self,
        engine: FakeEngine | None = None,
        *,
        redact: Callable[[str], str] = str,
        can: Set[Literal["slots"]] = frozenset(),
    ) -> None:
        engine = engine or FakeEngine()
        super().__init__(
            workloads=FakeWorkloads(engine, redact=redact, slots="slots" in can),
            images=FakeImages(engine),
            lock=FakeLock(engine),
            heads=FakeHeads(engine),
            remedies=FakeRemedies(),
            can=frozenset(can),
        )
        object.__setattr__(self, "engine", engine)  # a `Platform` is frozen

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self.engine.faults

    @property
    def calls(self) -> list[str]:
        """What was done, in order."""
        return self.engine.calls

    def away(self, looks: int) -> None:
        """Let the engine go away; see `FakeEngine.away`."""
        self.engine.away(looks)
