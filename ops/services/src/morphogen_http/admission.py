"""Who is let in: a bounded number at work, a bounded number waiting, and nobody waits for long."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

_WINDOW_SECONDS: Final = 0.2


class OverloadedError(Exception):
    """There is no room now.

    Attributes:
        retry_after: whole seconds after which to ask again.
    """

    def __init__(self, reason: str, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is let in.

    Attributes:
        in_flight: slots for what is worked on at once.
        waiting: parts that wait for their turn.
        seconds: how long one waits at most.
    """

    in_flight: int
    waiting: int
    seconds: float


@dataclass(slots=True, eq=False)
class _Waiter:
    slots: int
    parts: int
    turn: asyncio.Future[None]


class Pace:
    """How fast work ends while there is more of it than can be done.

    Args:
        clock: seconds.

    Attributes:
        per_second: parts that ended in a second; 0 as long as it is not known.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.per_second = 0.0
        self._clock = clock
        self._since: float | None = None
        self._ended = 0

    def ended(self, parts: int, *, is_busy: bool) -> None:
        """Count what has ended; only a time in which something waited throughout says anything."""
        if not is_busy:
            self._since = None
            return
        now = self._clock()
        if self._since is None:
            self._since, self._ended = now, 0
            return
        self._ended += parts
        if now - self._since >= _WINDOW_SECONDS:
            self.per_second = self._ended / (now - self._since)
            self._since, self._ended = now, 0


class Admission:
    """First come, first served, within limits. Belongs to one event loop.

    Args:
        limits: how much is let in.
        clock: seconds; the pace of the work is measured with it.

    Attributes:
        in_flight: slots taken now.
        waiting: parts that wait now.
        refused: parts that were turned away so far.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.in_flight = 0
        self.waiting = 0
        self.refused = 0
        self._queue: deque[_Waiter] = deque()
        self._pace = Pace(clock)

    def is_full(self, parts: int = 1) -> bool:
        """Whether `parts` more would be refused: too much waits, or their turn comes too late.

        To refuse at once costs less than to let wait in vain, for the client and here.
        """
        if self.waiting + parts > self.limits.waiting:
            return True
        in_time = self._pace.per_second * self.limits.seconds
        return bool(self.waiting) and 0 < in_time <= self.waiting

    @asynccontextmanager
    async def enter(self, parts: int = 1, slots: int | None = None) -> AsyncIterator[None]:
        """Wait for a turn, and hold it as long as the block runs.

        Args:
            parts: what this request counts for while it waits.
            slots: what it takes when it is let in, by default as much. A request that wants more
                slots than there are is let in when nothing else is at work.

        Raises:
            OverloadedError: when too much waits already, or the turn does not come in time.
        """
        slots = min(parts if slots is None else slots, self.limits.in_flight)
        if self._queue or self.in_flight + slots > self.limits.in_flight:
            await self._wait(_Waiter(slots, parts, asyncio.get_running_loop().create_future()))
        else:
            self.in_flight += slots
        try:
            yield
        finally:
            self.in_flight -= slots
            self._pace.ended(parts, is_busy=bool(self._queue))
            self._let_in()

    async def _wait(self, waiter: _Waiter) -> None:
        if self.is_full(waiter.parts):
            self.refused += waiter.parts
            raise OverloadedError("too many requests wait already")
        loop = asyncio.get_running_loop()
        expiry = loop.call_later(self.limits.seconds, self._expire, waiter)
        self._queue.append(waiter)
        self.waiting += waiter.parts
        try:
            await waiter.turn
        except asyncio.CancelledError:
            # The client has gone; its turn may have come in the same moment.
            turn = waiter.turn
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.in_flight -= waiter.slots
            self._forget(waiter)
            self._let_in()
            raise
        finally:
            expiry.cancel()

    def _expire(self, waiter: _Waiter) -> None:
        if not waiter.turn.done():
            self.refused += waiter.parts
            self._forget(waiter)
            waiter.turn.set_exception(OverloadedError("the turn did not come in time"))
            self._let_in()

    def _forget(self, waiter: _Waiter) -> None:
        if waiter in self._queue:
            self._queue.remove(waiter)
            self.waiting -= waiter.parts

    def _let_in(self) -> None:
        while self._queue:
            waiter = self._queue[0]
            if not waiter.turn.done():
                if self.in_flight + waiter.slots > self.limits.in_flight:
                    return
                self.in_flight += waiter.slots
                waiter.turn.set_result(None)
            self._queue.popleft()
            self.waiting -= waiter.parts
