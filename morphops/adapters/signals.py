"""SIGINT, SIGTERM and SIGHUP: failures like any other, raised where that leaves things whole.

Until an operation is announced they are raised wherever they come. From then on (`hold`) one is
kept until the code asks. Inside of `heard`, where a step waits, it is raised as it comes; between
two steps `check` raises it. After the first one no second one is raised, so that nothing
interrupts the answer to the first.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from morphops.errors import Interrupted, MorphopsError


class Signals:
    """Turns signals into `Interrupted`, at a moment that leaves things whole."""

    def __init__(self) -> None:
        self._received = 0
        self._hears = True
        self._deferred = 0

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals inside of the block; only possible in the main thread."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        # Who starts us with `nohup` wants us to outlive the terminal; else one that is gone would
        # leave half a deploy.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._handle) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def mask(self) -> None:
        """From here on, an operation is under way: keep a signal until the code asks for it."""
        self._hears = False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Raise a signal that comes inside of the block, and one that was kept, at once."""
        before = self._hears
        try:
            self._hears = True
            self.check()
            yield
        finally:
            self._hears = before

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Keep a signal inside of the block, even if the code asks."""
        self._deferred += 1
        try:
            yield
        finally:
            self._deferred -= 1

    def check(self) -> None:
        """Raise `Interrupted` where a signal came and was not answered yet."""
        if self._received and not self._deferred:
            self._hears = False  # a second one must not hide this one
            raise self._interrupted()

    def root_cause(self, failed: MorphopsError) -> MorphopsError:
        """Why something failed: a signal that came meanwhile, where there was one.

        The sender may have sent it to the processes that we wait for too, as a terminal does.
        """
        if not self._received or self._deferred or isinstance(failed, Interrupted):
            return failed
        return self._interrupted().with_(detail=(failed.what, *failed.detail))

    def acknowledge(self) -> None:
        """The signal was answered, or came too late to change anything."""
        self._received = 0

    def _interrupted(self) -> Interrupted:
        number = self._received
        return Interrupted(f"interrupted by {signal.Signals(number).name}", signum=number)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        if self._hears:
            self.check()
