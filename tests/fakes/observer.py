"""An observer that keeps what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from morphops.errors import MorphopsError


@dataclass
class Recorder:
    """An `engine.Observer`: keeps every line."""

    lines: list[str] = field(default_factory=list)

    def step(self, number: int, total: int, text: str) -> None:
        self.lines.append(f"{number}/{total} {text}")

    def waiting(self, text: str) -> None:
        self.lines.append(f"waiting: {text}")

    def note(self, text: str) -> None:
        self.lines.append(text)

    def undoing(self, error: MorphopsError) -> None:
        self.lines.append(f"undoing: {error.what}")
