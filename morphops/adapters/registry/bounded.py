"""Ends a wait in time, whatever it waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TooLate(Exception):
    """The call did not end in time."""


def within(limit: float, call: Callable[[], T], discard: Callable[[T], object]) -> T:
    """Make a call in a thread, and wait for it no longer than the limit.

    Name resolution has no time limit, and the limits of sockets are between two packets. A server
    that sends one byte a second passes them for ever. So the whole call is bounded from outside.

    Args:
        limit: seconds.
        call: raises what it likes; that is raised here.
        discard: gets a result that came too late.

    Raises:
        TooLate: the limit passed. The call goes on until its own limits end it.
    """
    job = _Job(call, discard)
    thread = threading.Thread(target=job.run, daemon=True)
    thread.start()
    try:
        thread.join(limit)
    except BaseException:  # Ctrl-C: its result is not used
        job.abandon()
        raise
    return job.take()


class _Job(Generic[T]):
    def __init__(self, call: Callable[[], T], discard: Callable[[T], object]) -> None:
        self._call = call
        self._discard = discard
        self._lock = threading.Lock()
        self._abandoned = False
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            result = self._call()
        except BaseException as err:
            self._error = err
            return
        with self._lock:
            if not self._abandoned:
                self._results.append(result)
                return
        self._discard(result)

    def take(self) -> T:
        with self._lock:
            self._abandoned = True
        if self._error is not None:
            raise self._error
        if not self._results:
            raise TooLate
        return self._results.pop()

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
        for result in self._results:
            self._discard(result)
