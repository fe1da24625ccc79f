"""How a release takes the place of the one that runs. Pure.

A strategy is a pair of pure functions: the steps forward, and the steps back. A new one is a module
of this folder.
"""

from __future__ import annotations

from typing import Protocol

from morphops.core.plan.desired import Desired
from morphops.core.plan.steps import Step
from morphops.core.plan.strategies.in_place import InPlace
from morphops.core.stack import Running


class Strategy(Protocol):
    """See `core/plan/strategies`."""

    def forward(self, desired: Desired, running: Running) -> tuple[Step, ...]:
        """The steps that bring a release, after its images and data were checked.

        Args:
            desired: what is to run.
            running: what is there.
        """

    def back(self, before: Desired) -> tuple[Step, ...]:
        """The steps that bring back what ran before, whatever a failure left.

        Args:
            before: what ran.
        """


IN_PLACE: Strategy = InPlace()
