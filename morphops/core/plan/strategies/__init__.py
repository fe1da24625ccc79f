"""How a release takes the place of the one that runs. Pure.

A strategy is a pair of pure functions: the steps forward, and the steps back. A new one is a module
of this folder.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from morphops.core.plan.desired import Desired
from morphops.core.plan.steps import RunJob, Step
from morphops.core.plan.strategies.in_place import InPlace
from morphops.core.stack import Running


class Strategy(Protocol):
    """See `core/plan/strategies`."""

    def forward(
        self, desired: Desired, running: Running, due: Mapping[str, RunJob]
    ) -> tuple[Step, ...]:
        """The steps that bring a release, after its images and data were checked.

        Args:
            desired: what is to run.
            running: what is there.
            due: the jobs that are to run.
        """

    def back(self, before: Desired, undone: Collection[str] = ()) -> tuple[Step, ...]:
        """The steps that bring back what ran before, whatever a failure left.

        Args:
            before: what ran.
            undone: its jobs that are taken back before that, and so have to run once more.
        """


IN_PLACE: Strategy = InPlace()
