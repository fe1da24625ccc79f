"""An observer that keeps what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from morphops.errors import MorphopsError


@dataclass(slots=True)
class RecordingObserver:
    """Implements `Observer`: keeps every line.

    Attributes:
        lines: what it was told, in order.
        steps: the steps only.
        on_step: step → what is called when it begins, for faults of that moment.
    """

    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    on_step: dict[str, Callable[[], object]] = field(default_factory=dict)

    def step(self, number: int, total: int, text: str) -> None:
        """See `Observer.step`."""
        self.lines.append(f"{number}/{total} {text}")
        self.steps.append(text)
        if text in self.on_step:
            self.on_step[text]()

    def waiting(self, text: str) -> None:
        """Keep what is waited for."""
        self.note(f"waiting: {text}")

    def note(self, text: str) -> None:
        """See `Observer.note`."""
        self.lines.append(text)

    def undoing(self, error: MorphopsError) -> None:
        """See `Observer.undoing`."""
        self.lines.append(f"undoing: {error.what}")
