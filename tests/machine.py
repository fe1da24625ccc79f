"""What happens on a machine: a port is in use, a signal comes."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


@contextmanager
def somebody(protocol: str) -> Iterator[int]:
    """The number of a port that is taken, in that protocol only."""
    other = {"tcp": "udp", "udp": "tcp"}[protocol]
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET, KINDS[protocol]) as one,
            socket.socket(socket.AF_INET, KINDS[other]) as probe,
        ):
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                probe.bind(("", port))
            except OSError:
                continue
            probe.close()
            if protocol == "tcp":
                one.listen()
            yield port
            return
    raise AssertionError


def send(number: signal.Signals = signal.SIGTERM) -> None:
    signal.raise_signal(number)
