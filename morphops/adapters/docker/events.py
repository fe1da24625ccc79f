"""The engine's event stream, as something that one can wait on with a deadline.

python-on-whales offers the stream only as a generator whose process cannot be ended, so the docker
CLI is started from here.
"""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from types import TracebackType
from typing import IO

from morphops.adapters.docker.client import bounded

_LONGEST = 3600.0  # seconds; no wait is that long, but no process may outlive its purpose


class EventWatch:
    """Listens to the container events of one label, from its entry to its exit.

    Args:
        label: `name=value` that the containers bear.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._events: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EventWatch:
        filters = ["--filter", "type=container", "--filter", f"label={self._label}"]
        # Connecting takes a moment; what happens in it is replayed.
        filters += ["--since", f"{time.time():.3f}"]
        self._process = subprocess.Popen(
            [*bounded(_LONGEST), "events", *filters, "--format", "{{.Action}}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(
            target=_pump, args=(self._process.stdout, self._events), daemon=True
        ).start()
        return self

    def wait(self, timeout: float) -> None:
        """Return when something happened, or after `timeout` seconds.

        Health checks announce themselves as `exec_*` as well; those are not news.
        """
        try:
            self._events.get(timeout=timeout)
            while True:  # what has piled up is one piece of news
                self._events.get_nowait()
        except queue.Empty:
            return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()


def _pump(stream: IO[bytes] | None, events: queue.SimpleQueue[bytes]) -> None:
    if stream is None:
        return
    with stream:
        for line in stream:
            if not line.startswith(b"exec_"):
                events.put(line)
