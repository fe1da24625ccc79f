"""Replaces the containers of a service one batch after the other, each healthy before the next."""

from __future__ import annotations

import time
from dataclasses import dataclass

from morphops.core.plan.steps import AwaitHealth
from morphops.core.stack import Rolling, Service, Stack
from morphops.interfaces import Notes, Workloads
from morphops.operations.pipeline import gates


@dataclass(frozen=True, slots=True)
class Roll:
    """Replaces containers in batches.

    Attributes:
        workloads, project: where.
        observer: is told how it goes.
        stack: what they are started from.
        deadline: seconds for a batch to become healthy.
    """

    workloads: Workloads
    project: str
    observer: Notes
    stack: Stack
    deadline: float

    def replace(self, service: Service, *, again: bool) -> None:
        """Replace what was made from another configuration, batch by batch.

        What an interruption left is found as it is: what was replaced by then stays.

        Args:
            service: as it is to run.
            again: whether those are replaced too that are as they should be.

        Raises:
            GateFailed: a batch did not become healthy; the others are still the old ones.
        """
        rolling = service.rolling or Rolling()
        there = self.workloads.observe(self.project).of(service.name)
        old = [c.id for c in there if again or c.config != service.config]
        while old:
            batch, rest = old[: rolling.parallelism], old[rolling.parallelism :]
            self._batch(service, rolling, batch, old)
            if rest and rolling.delay:
                self.observer.waiting(f"{service.name}: {rolling.delay:g} s to the next")
                time.sleep(rolling.delay)
            old = rest
        # The number that the release says, and what had stopped.
        self.workloads.start(self.stack, (service.name,))

    def _batch(self, service: Service, rolling: Rolling, batch: list[str], old: list[str]) -> None:
        """Replace some containers.

        Args:
            service: as it is to run.
            rolling: in which order.
            batch: ids of those to be replaced now.
            old: ids of all that are still to be replaced, these included.
        """
        name = service.name
        number = len(self.workloads.observe(self.project).of(name))
        self.observer.note(f"{name}: replaces {len(batch)} of {len(old)} old containers")
        if rolling.start_first:
            self.workloads.start_more(self.stack, name, number + len(batch))
        else:
            self.workloads.remove_containers(batch)
            self.workloads.start_more(self.stack, name, number)
        step = AwaitHealth((name,), self.deadline)
        gates.await_health(step, self.workloads, self.project, self.observer, old)
        if rolling.start_first:
            self.workloads.remove_containers(batch)
