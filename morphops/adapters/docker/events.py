"""The engine's event stream, as something to wait on with a deadline."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import ExitStack, suppress
from types import TracebackType

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.engine_http import BadAnswer, NoAnswer, Stream
from morphops.errors import EngineCallFailed, EngineUnavailable


class EventWatch:
    """Listens to the container events of one label, from its entry to its exit.

    Where the engine cannot be listened to, there is no news, and each wait takes its whole time.

    Args:
        docker: the engine.
        label: `name=value` that the containers bear.
    """

    def __init__(self, docker: Docker, label: str) -> None:
        self._docker = docker
        self._label = label
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._open = ExitStack()

    def __enter__(self) -> EventWatch:
        # To connect takes a moment; what happens in it is replayed.
        events = self._docker.engine.events(time.time(), type=["container"], label=[self._label])
        with suppress(EngineUnavailable, EngineCallFailed):
            stream = self._open.enter_context(events)
            threading.Thread(target=_pump, args=(stream, self._events), daemon=True).start()
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
        self._open.close()


def _pump(stream: Stream, events: queue.SimpleQueue[str]) -> None:
    with suppress(BadAnswer, NoAnswer):  # the engine is gone, or we hung up
        while (event := stream.next(None)) is not None:
            action = str(event.get("Action") or "")
            if not action.startswith("exec_"):
                events.put(action)
