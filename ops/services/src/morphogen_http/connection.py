"""What one connection may take: bytes, seconds, and requests sent ahead of their answers.

uvicorn bounds none of these. Its protocol class is told what happens on a connection, so a subclass
can keep the time, and a sweep closes what has none left.
"""

import asyncio
import ipaddress
import math
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from morphogen_http.acceptor import NO_ROOM, Shedding

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_EXTENSION: Final = "morphogen.connection"
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)
_SMALL_BODY_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection, and all together, may take.

    Attributes:
        connections: open at once, without those from the machine itself; more are closed.
        from_here: open at once from the machine itself, such as a health check's.
        head_bytes: request line and headers.
        head_seconds: until the first head is whole.
        request_seconds: for all of a request.
        idle_seconds: between two requests.
        write_seconds: until the client has taken an answer.
        ahead: requests sent before the answer to an earlier one.
    """

    connections: int = 4096
    from_here: int = 4096
    head_bytes: int = 32 * 1024
    head_seconds: float = 10
    request_seconds: float = 30
    idle_seconds: int = 30
    write_seconds: float = 20
    ahead: int = 32


class Connections:
    """The open connections of one listener.

    Args:
        bounds: what they may take.
        shedding: refuses requests under load; without it the app sees every request.
    """

    def __init__(self, bounds: Bounds, shedding: Shedding | None = None) -> None:
        self.bounds = bounds
        self.shedding = shedding
        self.from_here: set[BoundedProtocol] = set()
        self.from_elsewhere: set[BoundedProtocol] = set()

    def protocol(self) -> type[HttpToolsProtocol]:
        """The class that uvicorn makes one of for each connection."""
        return type("Connection", (BoundedProtocol,), {"all": self})

    def add(self, connection: "BoundedProtocol") -> bool:
        """Count a connection; whether there is room for it."""
        known, most = self.from_elsewhere, self.bounds.connections
        if connection.is_from_here:
            known, most = self.from_here, self.bounds.from_here
        if len(known) >= most:
            return False
        known.add(connection)
        return True

    def discard(self, connection: "BoundedProtocol") -> None:
        """Count it no longer."""
        self.from_here.discard(connection)
        self.from_elsewhere.discard(connection)

    async def sweep(self) -> None:
        """Close each connection whose time is over."""
        now = time.monotonic()
        for connection in [*self.from_here, *self.from_elsewhere]:
            if now > connection.due:
                connection.transport.abort()


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 within bounds.

    Attributes:
        all: the connections that this is one of.
        is_from_here: whether the peer is the machine (or container) itself.
        task: answers the current request; it is cancelled when the client goes.
    """

    all: Connections
    is_from_here = False
    task: asyncio.Task[Any] | None = None

    _reading_until = 0.0
    _writing_until = math.inf
    _in_head = True
    _began = False
    _refused = False
    _held: bytearray | None = None  # the body of a request that may be refused unread
    _head_bytes = 0

    @property
    def due(self) -> float:
        """When this connection has to be closed, on the monotonic clock."""
        return min(self._reading_until, self._writing_until)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or close it where there are too many."""
        super().connection_made(transport)
        self.is_from_here = _is_loopback(self.client)
        # So that what was written is known to be taken, to the last byte.
        transport.set_write_buffer_limits(high=0)
        self._read_for(self.all.bounds.head_seconds)
        if not self.all.add(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop working for a client that has gone."""
        super().connection_lost(exc)
        self.all.discard(self)
        if self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse, unless the head grows too long."""
        self._began = False
        super().data_received(data)
        # A head that began in this chunk is counted from the next one on: memory stays bounded,
        # and the exact size is looked at when the head is whole.
        if self._in_head and not self._began:
            self._head_bytes += len(data)
            if self._head_bytes > self.all.bounds.head_bytes:
                self._refuse()

    def on_message_begin(self) -> None:
        """Start the clock of a request."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: self}  # type: ignore[dict-item]
        self._in_head, self._began, self._head_bytes = True, True, 0
        self._read_for(self.all.bounds.head_seconds)

    def on_headers_complete(self) -> None:
        """Refuse a head that is too long; else give the body its time."""
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.all.bounds.head_bytes:
            self._refuse()
        if self._refused:
            return
        self._read_for(self.all.bounds.request_seconds)
        self._held = bytearray() if self._may_shed() else None
        if self._held is None:
            self._start()

    def _may_shed(self) -> bool:
        shedding = self.all.shedding
        return (
            shedding is not None
            and self.url == b"/"
            and self.parser.get_method() == b"POST"
            and not self.expect_100_continue
            and (self.cycle is None or self.cycle.response_complete)
            and shedding.is_full()
        )

    def _start(self) -> None:
        """Hand the request over to the app."""
        super().on_headers_complete()
        if len(self.pipeline) > self.all.bounds.ahead:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._refused:
            return
        if self._held is not None:
            self._held += body
            if len(self._held) <= _SMALL_BODY_BYTES:
                return
            body, self._held = bytes(self._held), None
            self._start()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock: the rest is for the service, which has bounds of its own."""
        if self._refused:
            return
        self._reading_until = math.inf
        if self._held is not None:
            body, self._held = bytes(self._held), None
            if self._shed(body):
                return
            self._start()
            super().on_body(body)
        super().on_message_complete()

    def _shed(self, body: bytes) -> bool:
        refusal = self.all.shedding.refusal(body) if self.all.shedding else None
        if refusal is None:
            return False
        stays = self.parser.should_keep_alive()
        head = NO_ROOM % (len(refusal), b"keep-alive" if stays else b"close")
        self.transport.write(head + refusal)
        if stays:
            self._read_for(self.all.bounds.idle_seconds)
        else:
            self.transport.close()
        return True

    def on_response_complete(self) -> None:
        """Start the clock of an idle connection."""
        super().on_response_complete()
        if self.cycle.response_complete and not self._in_head:
            self._read_for(self.all.bounds.idle_seconds)

    def pause_writing(self) -> None:
        """Start the clock of an answer that is not taken."""
        super().pause_writing()
        self._writing_until = time.monotonic() + self.all.bounds.write_seconds

    def resume_writing(self) -> None:
        """Stop it: everything is taken."""
        super().resume_writing()
        self._writing_until = math.inf

    def _read_for(self, seconds: float) -> None:
        self._reading_until = time.monotonic() + seconds

    def _refuse(self) -> None:
        self._refused = True
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()


class StopWhenClientGoes:
    """ASGI: lets a connection cancel the task that answers its current request."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or stop in the middle of it."""
        connection = scope.get("extensions", {}).get(_EXTENSION)
        if not isinstance(connection, BoundedProtocol):
            await self._app(scope, receive, send)
            return
        connection.task = own = asyncio.current_task()
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if connection in connection.connections:  # it is the service that stops
                raise
        finally:
            if connection.task is own:  # else the next request on this connection has begun
                connection.task = None


def _is_loopback(peer: tuple[str, int] | None) -> bool:
    return peer is not None and ipaddress.ip_address(peer[0]).is_loopback
