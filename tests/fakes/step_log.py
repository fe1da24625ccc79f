"""A log of steps in memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from morphops.core.history.jobs import JobMark

# What the steps that may change a container are called.
TOUCHES = re.compile(r"(undo: )?(start wave|remove|stop and remove|run job|take back job) ")


@dataclass
class StepLog:
    """An `engine.Log`: keeps the steps, and how each came out."""

    steps: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    on: dict[str, Callable[[], None]] = field(default_factory=dict)

    def begin(self, step: str, *, touches: bool, job: JobMark | None = None) -> None:
        assert touches == bool(TOUCHES.match(step))
        if step in self.on:
            self.on[step]()
        self.steps.append(step)

    def end(self, result: str, took: float) -> None:
        assert took >= 0
        self.results.append(f"{self.steps[-1]}: {result}")
