"""Who is let in: a bounded number at work, a bounded number waiting, and nobody waits for long."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


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


class Admission:
    """First come, first served, within limits. Belongs to one event loop.

    Attributes:
        in_flight: slots taken now.
        waiting: parts that wait now.
        refused: parts that were turned away so far.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.in_flight = 0
        self.waiting = 0
        self.refused = 0
        self._queue: deque[_Waiter] = deque()

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
            self._let_in()

    async def _wait(self, waiter: _Waiter) -> None:
        if self.waiting + waiter.parts > self.limits.waiting:
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
