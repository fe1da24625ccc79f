"""Takes new connections off the kernel's queue, and refuses there what there is no room for.

The event loop's own listener takes one connection a round and makes a transport, a protocol and a
parser of it. Under load a round is long: the kernel's queue fills, and clients wait there with no
answer at all, or for seconds until they are let to connect. This listener empties the queue in each
round. While the service is full it looks at what the client has sent already; a request that is
certain to be refused is answered there and then, with two calls to the kernel and no more.
"""

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# So many in one round. More would take the time of the answers: a round would be all refusals.
_AT_ONCE: Final = 32
_PEEK_BYTES: Final = 4096
_PAUSE_SECONDS: Final = 0.1
# While the service is full, so many connections that have sent nothing yet wait for their first
# bytes without a protocol, and for so long. Then the protocol's own bounds hold for them.
_SILENT: Final = 1024
_SILENT_SECONDS: Final = 1.0
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,5})[ \t]*(?=\r\n)", re.IGNORECASE)
# What the parser has to look at: a body in chunks, a client that waits before it sends the body.
_UNUSUAL: Final = re.compile(rb"\r\n(?:transfer-encoding|expect|upgrade):", re.IGNORECASE)
NO_ROOM: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"content-length: %d\r\nconnection: %s\r\n\r\n"
)

log = logging.getLogger("morphogen_http")


class Shedding(Protocol):
    """Refuses requests when there is too much to do, before any work is put into them."""

    def is_full(self) -> bool:
        """Whether a request that waits for a turn would be refused now."""

    def refusal(self, body: bytes) -> bytes | None:
        """The body of the 503 for a `POST /`; None where it has to be looked at properly."""


def small_post(data: bytes) -> bytes | None:
    """The body of a `POST /` that is whole and alone in `data`; None of anything else."""
    if not data.startswith(b"POST / HTTP/1.1\r\n"):
        return None
    head, end, body = data.partition(b"\r\n\r\n")
    head += b"\r\n"
    lengths = _LENGTH.findall(head)
    if not end or len(lengths) != 1 or int(lengths[0]) != len(body) or _UNUSUAL.search(head):
        return None
    return body


class Acceptor:
    """Listens, as the HTTP server wants it of what asyncio's `create_server` gives.

    Args:
        listener: a listening socket; it is not closed here.
        factory: makes the protocol of a connection.
        shedding: refuses requests under load; without it every connection gets its protocol.
    """

    def __init__(
        self,
        listener: socket.socket,
        factory: Callable[[], HttpToolsProtocol],
        shedding: Shedding | None,
    ) -> None:
        self._listener = listener
        self._factory = factory
        self._shedding = shedding
        self._loop = asyncio.get_running_loop()
        self._is_closed = False
        self._beginning: set[asyncio.Task[None]] = set()
        self._silent: dict[socket.socket, asyncio.TimerHandle] = {}
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Take no more connections."""
        self._is_closed = True
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()
        for connection, timer in self._silent.items():
            self._loop.remove_reader(connection)
            timer.cancel()
            connection.close()
        self._silent.clear()

    async def wait_closed(self) -> None:
        """Until each connection that was taken has its protocol."""
        if self._beginning:
            await asyncio.wait(self._beginning)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # No file or no memory is left: what waits stays in the kernel for a moment.
                log.error("cannot take a connection: %s", error.strerror)
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(
                    _PAUSE_SECONDS, self._loop.add_reader, self._listener, self._accept
                )
                return
            connection.setblocking(False)
            self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        """Refuse a connection, wait for its first bytes, or give it its protocol."""
        if self._shedding is not None and self._shedding.is_full():
            try:
                data = connection.recv(_PEEK_BYTES, socket.MSG_PEEK)
            except BlockingIOError:
                if connection not in self._silent and len(self._silent) < _SILENT:
                    return self._wait_for_bytes(connection)
            except OSError:
                return connection.close()  # the client has gone
            else:
                if self._shed(connection, data, self._shedding):
                    return connection.close()
        task = self._loop.create_task(self._begin(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        return None

    def _wait_for_bytes(self, connection: socket.socket) -> None:
        self._loop.add_reader(connection, self._heard, connection)
        self._silent[connection] = self._loop.call_later(_SILENT_SECONDS, self._heard, connection)

    def _heard(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        self._silent[connection].cancel()
        self._take(connection)
        del self._silent[connection]

    def _shed(self, connection: socket.socket, data: bytes, shedding: Shedding) -> bool:
        body = small_post(data)
        refusal = None if body is None else shedding.refusal(body)
        if refusal is None:
            return False
        # What was only looked at is taken: a socket that is closed with unread bytes resets the
        # connection, and with it the answer.
        with suppress(OSError):  # the client may have gone
            connection.recv(len(data))
            connection.send(NO_ROOM % (len(refusal), b"close") + refusal)
        return True

    async def _begin(self, connection: socket.socket) -> None:
        try:
            _, protocol = await self._loop.connect_accepted_socket(self._factory, connection)
        except OSError:
            connection.close()  # it has gone already
            return
        if self._is_closed:
            # The server has told its connections to end already. This one came in between, and
            # would be waited for as long as a connection may be idle.
            protocol.shutdown()
