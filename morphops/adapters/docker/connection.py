"""Connections to an engine: over its socket, or carried by the docker CLI.

`docker system dial-stdio` joins its standard streams with a connection to the engine. The docker
CLI itself reaches engines over ssh with it. So one client serves every kind of endpoint.
"""

from __future__ import annotations

import io
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Unreachable(Exception):
    """No engine is there.

    Args:
        why: as the system says it.
        denied: the socket is there, and we may not use it.
    """

    def __init__(self, why: str, *, denied: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.denied = denied


class Connection:
    """A connection on which every wait ends at one point in time.

    Args:
        sock: connected.
        process: what carries it, if anything does.
    """

    def __init__(self, sock: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self._sock = sock
        self._process = process
        self._end: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it, or what carries it, is there still."""
        carried = self._process is not None and self._process.poll() is None
        return carried or self._sock.fileno() >= 0

    def within(self, seconds: float | None) -> None:
        """Let the waits from now on end after so many seconds; never, with none."""
        self._end = None if seconds is None else time.monotonic() + seconds

    def sendall(self, data: bytes) -> None:
        """Send it all (`socket.sendall`)."""
        self._set_timeout()
        self._sock.sendall(data)

    def receive(self, buffer: WriteableBuffer) -> int:
        """Receive what is there (`socket.recv_into`)."""
        self._set_timeout()
        return self._sock.recv_into(buffer)

    def makefile(self, *_: object) -> io.BufferedReader:
        """Return what `http.client` reads."""
        return io.BufferedReader(_Raw(self))

    def close(self) -> None:
        """Do nothing: `http.client` calls it when the headers are read. See `hang_up`."""

    def hang_up(self) -> None:
        """End it; a reader in another thread reads its end."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _set_timeout(self) -> None:
        left = None if self._end is None else self._end - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)


class _Raw(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._connection.receive(buffer)


Dial = Callable[[float], Connection]


def over_unix(path: str) -> Dial:
    """Return what connects to a unix socket within some seconds."""

    def dial(limit: float) -> Connection:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(limit)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            raise
        return Connection(sock)

    return dial


def over_tcp(url: str) -> Dial:
    """Return what connects to `tcp://host[:port]` within some seconds."""

    def dial(limit: float) -> Connection:
        try:
            there = urlsplit(url)
            address = there.hostname or "localhost", there.port or 2375
        except ValueError as err:
            raise Unreachable(str(err)) from None
        return Connection(socket.create_connection(address, limit))

    return dial


def over_cli(start: Callable[[socket.socket], subprocess.Popen[bytes]]) -> Dial:
    """Return what lets a process carry the connection.

    Args:
        start: starts `docker system dial-stdio` with this socket as its standard streams.
    """

    def dial(limit: float) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            return Connection(ours, start(theirs))

    return dial
