"""A lock in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from morphops.core import lock
from morphops.core.lock import Holder
from morphops.site import Site


@dataclasses.dataclass
class Grip:
    """A `Held` in memory; `runs` is what an engine would say."""

    holder: Holder
    runs: bool = True
    other: Holder | None = None
    takes: int = 1

    def alive(self, *, sure: bool = True) -> bool:
        return self.runs and self.other is None

    def reacquire(self) -> None:
        if self.other:
            raise lock.refusal(self.other)
        self.takes += 1
        self.runs = True


class Place:
    """A `Lock` in memory; `grip` is the last one that it gave."""

    grip: Grip

    @contextmanager
    def hold(
        self, project: str, holder: Holder, wait: float = 0, inside: str = ""
    ) -> Iterator[Grip]:
        self.grip = Grip(holder)
        yield self.grip

    def holder(self, project: str) -> Holder | None:
        return self.grip.holder

    def steal(self, project: str, holder: Holder) -> None:
        self.grip.runs = False


def grip(site: Site) -> Grip:
    assert isinstance(site.platform.lock, Place)
    return site.platform.lock.grip
