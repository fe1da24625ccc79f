"""Who is let in, without any clock: turns are given and taken by hand."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from morphogen_http.admission import Admission, Limits, OverloadedError, Pace


def run(check: Coroutine[Any, Any, None]) -> None:
    asyncio.run(check)


class Guest:
    """Something that holds its turn until it is told to leave."""

    def __init__(self, admission: Admission, name: str, order: list[str], parts: int = 1) -> None:
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._visit(admission, name, order, parts))

    async def _visit(self, admission: Admission, name: str, order: list[str], parts: int) -> None:
        async with admission.enter(parts):
            order.append(name)
            await self._leave.wait()

    def let_go(self) -> None:
        self._leave.set()

    async def leave(self) -> None:
        self._leave.set()
        await self.task


async def settle() -> None:
    """Let everything that can happen now happen."""
    for _ in range(10):
        await asyncio.sleep(0)


def limits(in_flight: int = 2, waiting: int = 3, seconds: float = 3600) -> Limits:
    return Limits(in_flight, waiting, seconds)


def test_first_come_first_served_within_limits() -> None:
    async def check() -> None:
        admission, order = Admission(limits()), list[str]()
        guests = {name: Guest(admission, name, order) for name in "abcde"}
        await settle()
        assert (order, admission.in_flight, admission.waiting) == (["a", "b"], 2, 3)
        with pytest.raises(OverloadedError, match="wait already"):
            async with admission.enter():
                pass
        assert admission.refused == 1
        await guests["b"].leave()
        await settle()
        assert order == ["a", "b", "c"]
        for name in "acde":
            await guests[name].leave()
        assert (admission.in_flight, admission.waiting) == (0, 0)

    run(check())


def test_a_batch_counts_as_its_parts() -> None:
    async def check() -> None:
        admission, order = Admission(limits(in_flight=4, waiting=5)), list[str]()
        small = Guest(admission, "small", order)
        large = Guest(admission, "large", order, parts=4)
        late = Guest(admission, "late", order)
        await settle()
        # There would be room for the late one, but it does not overtake.
        assert (order, admission.waiting) == (["small"], 5)
        with pytest.raises(OverloadedError):
            async with admission.enter():
                pass
        await small.leave()
        await settle()
        assert (order, admission.in_flight) == (["small", "large"], 4)
        await large.leave()
        await settle()
        assert order == ["small", "large", "late"]
        await late.leave()
        # More than ever fits is let in alone.
        async with admission.enter(100):
            assert admission.in_flight == 4

    run(check())


def test_who_waits_too_long_is_turned_away() -> None:
    async def check() -> None:
        admission, order = Admission(limits(in_flight=1, seconds=0.001)), list[str]()
        first = Guest(admission, "first", order)
        await settle()
        with pytest.raises(OverloadedError, match="in time"):
            async with admission.enter():
                pass
        assert (admission.refused, admission.waiting, admission.in_flight) == (1, 0, 1)
        await first.leave()

    run(check())


@pytest.mark.parametrize("turn_has_come", [False, True])
def test_a_client_that_goes_gives_its_place_to_the_next(turn_has_come: bool) -> None:
    async def check() -> None:
        admission, order = Admission(limits(in_flight=1)), list[str]()
        first = Guest(admission, "first", order)
        await settle()
        second = Guest(admission, "second", order)
        third = Guest(admission, "third", order)
        await settle()
        if turn_has_come:
            # Its turn comes, and before it runs its client goes.
            first.let_go()
            while admission.waiting == 2:
                await asyncio.sleep(0)
        second.task.cancel()
        await asyncio.gather(second.task, return_exceptions=True)
        await first.leave()
        await settle()
        assert (order, admission.in_flight, admission.waiting) == (["first", "third"], 1, 0)
        await third.leave()
        assert admission.in_flight == 0

    run(check())


def test_an_error_gives_the_place_back() -> None:
    async def check() -> None:
        admission = Admission(limits())
        with pytest.raises(KeyError):
            async with admission.enter(2):
                raise KeyError
        assert admission.in_flight == 0

    run(check())


class Clock:
    """Stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("ends", "per_second"),
    [
        ([], 0),
        ([(0.0, 5, True)], 0),  # the first only starts the clock
        ([(0.0, 1, True), (0.25, 50, True)], 200),
        ([(0.0, 1, True), (0.1, 10, True), (0.15, 20, True)], 120),
        # What ended while nothing waited says nothing about how fast it could have gone.
        ([(0.0, 1, True), (5.0, 1, False), (0.1, 9, True), (0.25, 50, True)], 200),
        ([(0.0, 1, True), (0.25, 50, True), (0.5, 50, True)], 100),
    ],
)
def test_the_pace_of_work(ends: list[tuple[float, int, bool]], per_second: float) -> None:
    clock = Clock()
    pace = Pace(clock)
    for later, parts, is_busy in ends:
        clock.now += later
        pace.ended(parts, is_busy=is_busy)
    assert pace.per_second == pytest.approx(per_second)


def test_who_would_wait_too_long_is_refused_at_once() -> None:
    """Eight parts end in a second, so a queue of two seconds has room for sixteen."""

    async def check() -> None:
        clock, order = Clock(), list[str]()
        admission = Admission(limits(in_flight=1, waiting=1000, seconds=2), clock)
        guests = [Guest(admission, str(number), order) for number in range(12)]
        await settle()
        for guest in guests[:11]:
            assert not admission.is_full()
            await guest.leave()
            await settle()
            clock.now += 0.125
        guests += [Guest(admission, str(number), order) for number in range(12, 28)]
        await settle()
        assert (admission.waiting, admission.is_full()) == (16, True)
        with pytest.raises(OverloadedError, match="wait already"):
            async with admission.enter():
                pass
        await guests[11].leave()
        await settle()
        assert not admission.is_full()
        for guest in guests[12:]:
            await guest.leave()
        # Without a queue even the largest batch is let in.
        assert not admission.is_full(900)

    run(check())
