"""What a probe may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from morphops.core.bundle.documents import Loaded
from morphops.core.stack import Instance, Running
from morphops.interfaces import Workloads


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What a probe may look at.

    Attributes:
        target: where the stack runs.
        project: its name there.
        documents: by name, as they were read.
        slot: the generation of the stack that is asked; empty where there is only one.
        seed: decides what is drawn; empty for another draw each time.
    """

    target: Workloads
    project: str
    documents: Mapping[str, Loaded]
    slot: str = ""
    seed: str = ""

    def running(self) -> Running:
        """What is there now."""
        return self.target.observe(self.project)


def running_instance(running: Running, service: str, slot: str = "") -> Instance | None:
    """The first instance of a service that runs; None where none does.

    Args:
        running: what is there.
        service: whose instance.
        slot: of which generation; empty where there is only one.
    """
    return next((c for c in running.of(service, slot) if c.state == "running"), None)
