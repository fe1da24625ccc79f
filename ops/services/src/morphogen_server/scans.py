"""Runs scans in threads, a limited number at a time; the others wait, none is dropped."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from morphogen_server.metrics import Metrics

T = TypeVar("T")


class ScanPool:
    """A queue in front of the threads that scan.

    NumPy and OpenSSL release the interpreter lock in a scan, so the event loop stays responsive.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._threads = ThreadPoolExecutor(max_workers=limit, thread_name_prefix="scan")
        self._metrics = metrics

    async def run(self, work: Callable[[], T]) -> T:
        """Wait for a slot, then run `work` in a thread."""
        loop = asyncio.get_running_loop()
        with self._metrics.scans_waiting.track_inprogress():
            await self._slots.acquire()
        started = time.perf_counter()
        # The slot belongs to the thread: when the client goes away, the scan still runs on.
        future = loop.run_in_executor(self._threads, work)
        self._metrics.scans_running.inc()
        future.add_done_callback(lambda _: self._finished(started))
        return await asyncio.shield(future)

    def _finished(self, started: float) -> None:
        self._metrics.scans_running.dec()
        self._metrics.scan_seconds.observe(time.perf_counter() - started)
        self._slots.release()

    def close(self) -> None:
        """Let running scans end and give the threads back."""
        self._threads.shutdown(wait=True)
