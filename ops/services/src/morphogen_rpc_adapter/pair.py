"""The pair of PIR servers: agrees with both on an epoch, then reads rows from neither alone."""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from morphogen_http.admission import OverloadedError
from morphogen_rpc_adapter.batches import MAX_READS, make_batch
from morphogen_rpc_adapter.epochs import EpochInfo, disagreements
from morphogen_rpc_adapter.errors import GoneError, MovedError, PairError
from morphogen_rpc_adapter.server import PirServer

# A pair that moves to a new epoch disagrees for a moment; the fourth attempt is the last.
_BACKOFF_SECONDS: Final = (0.1, 0.3, 0.9)
# A pair that disagrees for longer does not move: then nobody waits for it.
_MOVING_SECONDS: Final = 3
_LOOK_SECONDS: Final = 2  # for both answers to /epoch
_BETWEEN_LOOKS_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 0.25  # so long a read waits for a look at a pair that is known as broken
_STALLED_SECONDS: Final = 1.0  # a batch that takes longer makes the adapter look at the servers
_TICK_SECONDS: Final = 0.5

log = logging.getLogger("morphogen_rpc_adapter")


@dataclass(slots=True, eq=False)
class _Read:
    address: bytes
    until: float
    rows: asyncio.Future[list[bytes]]


@dataclass(slots=True, eq=False)
class _Flight:
    """Reads that were sent to the servers together."""

    reads: list[_Read]
    task: asyncio.Task[None]
    since: float


class Pair:
    """Both servers, the epoch they last agreed on, and the reads that wait for them.

    Args:
        a: the first server.
        b: the second server.
        batches: how many batches are under way at once; reads that come meanwhile go together.
        sent: is told the number of reads of each batch that is sent.
    """

    def __init__(
        self, a: PirServer, b: PirServer, batches: int, sent: Callable[[int], object]
    ) -> None:
        self._servers = (a, b)
        self._free = batches
        self._sent = sent
        self._waiting: deque[_Read] = deque()
        self._flights: set[_Flight] = set()
        self._send_soon = False
        self._agreed: EpochInfo | None = None
        self._problem: PairError | None = None
        self._problem_since = 0.0
        self._look: asyncio.Task[None] | None = None
        self._looked = 0.0

    async def read(self, address: bytes, until: float) -> list[bytes]:
        """The three rows in which the account of `address` may stand.

        All three are always read, each with fresh keys, whatever is found where.

        Args:
            address: 20 bytes.
            until: when the answer must be there, on the event loop's clock.

        Raises:
            PairError: when the pair does not answer as one; the message says why.
            OverloadedError: when a server has no room.
        """
        loop = asyncio.get_running_loop()
        for seconds in (*_BACKOFF_SECONDS, None):
            read = _Read(address, until, loop.create_future())
            self._waiting.append(read)
            self._soon()
            try:
                async with asyncio.timeout_at(until):
                    return await read.rows
            except TimeoutError:
                raise PairError("the pair does not answer in time") from None
            except MovedError:
                # With jitter, so that reads which failed together do not come back together.
                wait = 0.0 if seconds is None else seconds * random.uniform(0.5, 1.5)  # noqa: S311
                if seconds is None or loop.time() + wait >= until or self._is_no_move():
                    raise
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt answers or raises")

    async def current(self, seconds: float) -> EpochInfo:
        """The epoch that both servers serve, by a look at them or, within `seconds`, the last one.

        Raises:
            PairError: when one does not answer, or they do not say the same.
        """
        self._begin_look()
        if self._look is not None:
            await asyncio.wait({self._look}, timeout=seconds)
        return self._known()

    async def watch(self, interval: float) -> None:
        """Look at the servers again and again: each `interval` seconds, sooner when in doubt."""
        while True:
            now = time.monotonic()
            stalled = any(now - flight.since > _STALLED_SECONDS for flight in self._flights)
            if stalled or self._agreed is None or now - self._looked >= interval:
                self._begin_look()
                if self._look is not None:
                    await asyncio.wait({self._look})
                if stalled and isinstance(self._problem, GoneError):
                    self._give_up(self._problem)
            await asyncio.sleep(min(_TICK_SECONDS, interval))

    def _known(self) -> EpochInfo:
        if self._agreed is not None:
            return self._agreed
        if self._problem is not None:
            raise type(self._problem)(str(self._problem))
        raise PairError("the servers have not said yet what they serve")

    def _is_no_move(self) -> bool:
        return (
            self._problem is not None and time.monotonic() - self._problem_since > _MOVING_SECONDS
        )

    # Looking at the servers: one look at a time, however many wait for it.

    def _begin_look(self) -> None:
        known = self._agreed is not None or self._problem is not None
        recent = time.monotonic() - self._looked < _BETWEEN_LOOKS_SECONDS
        if self._look is None and not (known and recent):
            self._look = asyncio.create_task(self._look_now())

    async def _look_now(self) -> None:
        try:
            a, b = await asyncio.gather(*(server.epoch(_LOOK_SECONDS) for server in self._servers))
            if different := disagreements(a, b):
                raise MovedError(f"the servers disagree on {', '.join(different)}")
        except PairError as error:
            self._doubt(error)
        else:
            if a != self._agreed:
                log.info("both servers serve epoch %d, block %d", a.epoch_id, a.block_number)
            self._agreed, self._problem = a, None
        finally:
            self._looked, self._look = time.monotonic(), None

    def _doubt(self, problem: PairError) -> None:
        if self._problem is None:
            self._problem_since = time.monotonic()
        if str(problem) != str(self._problem):
            log.warning("private state is unavailable: %s", problem)
        self._agreed, self._problem = None, problem

    async def _epoch(self, until: float) -> EpochInfo:
        """The epoch for a batch; with a pair that is known as broken it does not wait for long."""
        if self._agreed is None:
            seconds = until - asyncio.get_running_loop().time()
            if self._problem is not None:
                seconds = min(seconds, _PATIENCE_SECONDS)
            return await self.current(seconds)
        return self._agreed

    # Sending reads: those that wait go together as soon as a batch may leave.

    def _soon(self) -> None:
        """Send after the events of this moment, so that what came together goes together."""
        if not self._send_soon:
            self._send_soon = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._send_soon = False
        while self._free and self._waiting:
            reads: list[_Read] = []
            while self._waiting and len(reads) < MAX_READS:
                read = self._waiting.popleft()
                if not read.rows.done():  # else its client has gone
                    reads.append(read)
            if reads:
                self._free -= 1
                flight = _Flight(reads, asyncio.create_task(self._fly(reads)), time.monotonic())
                self._flights.add(flight)
                flight.task.add_done_callback(partial(self._landed, flight))
                for read in reads:
                    read.rows.add_done_callback(partial(_drop_if_unwanted, flight))

    async def _fly(self, reads: list[_Read]) -> None:
        until = max(read.until for read in reads)
        try:
            epoch = await self._epoch(until)
            batch = make_batch(epoch, [read.address for read in reads])
            self._sent(len(reads))
            seconds = until - asyncio.get_running_loop().time()
            asking = [
                asyncio.create_task(server.ask(batch, half, seconds))
                for half, server in enumerate(self._servers)
            ]
            try:
                a, b = await asyncio.gather(*asking)
            finally:
                for task in asking:
                    task.cancel()
            for read, rows in zip(reads, batch.join(a, b), strict=True):
                if not read.rows.done():
                    read.rows.set_result(rows)
        except (MovedError, GoneError) as error:
            if self._problem is None:
                self._agreed = None  # the next batch asks what is served
            _fail(reads, error)
        except (PairError, OverloadedError) as error:
            _fail(reads, error)

    def _landed(self, flight: _Flight, _: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._free += 1
        if not flight.task.cancelled() and (error := flight.task.exception()):
            log.error("internal error: %s", type(error).__name__)
        _fail(flight.reads, PairError("the read was given up"))
        self._soon()

    def _give_up(self, problem: PairError) -> None:
        """Let nobody wait any longer for a server that does not answer."""
        for flight in list(self._flights):
            _fail(flight.reads, problem)


def _fail(reads: list[_Read], error: PairError | OverloadedError) -> None:
    for read in reads:
        if not read.rows.done():
            read.rows.set_exception(type(error)(str(error)))


def _drop_if_unwanted(flight: _Flight, _: asyncio.Future[list[bytes]]) -> None:
    if all(read.rows.done() for read in flight.reads):
        flight.task.cancel()
