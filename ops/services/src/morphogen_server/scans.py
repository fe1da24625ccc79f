"""Runs scans in threads: a bounded number at a time, and a bounded number waiting, not for long."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Final, TypeVar

from morphogen_http.admission import Admission, Limits
from morphogen_server.metrics import Metrics

T = TypeVar("T")

CORES: Final = len(os.sched_getaffinity(0))


class ScanPool:
    """A queue in front of the threads that scan.

    NumPy and OpenSSL release the interpreter lock in a scan, so the event loop stays responsive,
    and scans use all cores.

    Attributes:
        admission: who is let in, and how many wait.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.admission = Admission(limits)
        self._threads = ThreadPoolExecutor(
            max_workers=max(limits.in_flight, CORES), thread_name_prefix="scan"
        )
        self._metrics = metrics
        metrics.scans_running.set_function(lambda: self.admission.in_flight)
        metrics.scans_waiting.set_function(lambda: self.admission.waiting)
        metrics.scans_refused.set_function(lambda: self.admission.refused)

    async def run(self, works: Sequence[Callable[[], list[T]]], questions: int) -> list[T]:
        """Wait for a slot, then run `works` beside each other in threads.

        Args:
            works: parts of one request.
            questions: what the request counts for while it waits.

        Returns:
            The results of all parts, joined.

        Raises:
            OverloadedError: when the queue is full, or the slot does not come in time.
        """
        loop = asyncio.get_running_loop()
        async with self.admission.enter(questions, slots=1):
            started = time.perf_counter()
            running = [loop.run_in_executor(self._threads, work) for work in works]
            together = asyncio.gather(*running)
            try:
                return list(chain.from_iterable(await asyncio.shield(together)))
            finally:
                # The slot belongs to the threads: when the client goes away, they still run on.
                await asyncio.wait(running)
                self._metrics.scan_seconds.observe(time.perf_counter() - started)

    def close(self) -> None:
        """Let running scans end and give the threads back."""
        self._threads.shutdown(wait=True)
