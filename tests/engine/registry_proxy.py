"""A proxy before a registry that does whatever a bad network and a bad registry can do."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["cut", "hang", "other bytes", "status"]
_HOP_BY_HOP = ("connection", "transfer-encoding", "keep-alive")


@dataclass(frozen=True)
class Fault:
    """What happens to answers.

    Attributes:
        kind: `cut` sends half and closes, `hang` sends half and then nothing, ever; `other bytes`
            are not what was asked for; `status` answers with that one and nothing else.
        path: a part of the paths that it happens to (`/blobs/`, a digest).
        status: for the kind `status`.
    """

    kind: Kind
    path: str
    status: int = 0


class Proxy:
    """Listens from `up` to `down`; refuses connections in between.

    Args:
        upstream: `host:port` of the registry.
        listen: opens the socket; called again for each `up`.
        address: `host:port` of that.
    """

    def __init__(self, upstream: str, listen: Callable[[], socket.socket], address: str) -> None:
        self.fault: Fault | None = None
        self.address = address
        self.asked: list[str] = []
        self._upstream = upstream
        self._listen = listen
        self._over = threading.Event()
        self._reached = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def up(self) -> None:
        """Listen."""
        self._over = threading.Event()
        listening = self._listen()
        # Bound already, where only `listen` can do it.
        server = ThreadingHTTPServer(listening.getsockname(), _handler(self), False)
        server.socket.close()
        server.socket = listening
        server.daemon_threads = True
        server.block_on_close = False
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections; those that hang are closed."""
        self._over.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def hit(self, timeout: float = 600) -> None:
        """Wait until the fault has happened to somebody."""
        assert self._reached.wait(timeout), "nobody came"

    def becomes(self, fault: Fault | None) -> None:
        """Behave so from now on."""
        self._reached.clear()
        self.fault = fault

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Pass a request on, and its answer back, as the fault has it."""
        self.asked.append(f"{handler.command} {handler.path}")
        fault = self.fault
        if fault and (handler.command not in ("GET", "HEAD") or fault.path not in handler.path):
            fault = None
        length = int(handler.headers.get("content-length") or 0)
        upstream = http.client.HTTPConnection(self._upstream, timeout=600)
        try:
            # With the caller's own Host, for a registry says by it where an upload goes on.
            upstream.putrequest(
                handler.command, handler.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in handler.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(handler.rfile.read(length))
            answer = upstream.getresponse()
            status, headers, body = answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()
        if fault and fault.kind == "status":
            status, headers, body = fault.status, [], b""
        if fault and fault.kind == "other bytes" and handler.command == "GET":
            # As long as before, and a JSON text stays one.
            body = bytes([body[0] ^ 1]) + body[1:] if body[:1] != b"{" else _other(body)
        handler.send_response(status)
        for name, value in headers:
            if name.lower() not in (*_HOP_BY_HOP, "content-length"):
                handler.send_header(name, value)
        head = handler.command == "HEAD"
        sizes = [value for name, value in headers if name.lower() == "content-length"]
        handler.send_header("content-length", sizes[0] if head and sizes else str(len(body)))
        handler.send_header("connection", "close")
        handler.end_headers()
        if fault and fault.kind in ("cut", "hang") and not head:
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            self._reached.set()
            if fault.kind == "hang":
                self._over.wait()
        else:
            handler.wfile.write(body)
            if fault:
                self._reached.set()
        handler.close_connection = True


def _other(body: bytes) -> bytes:
    """Another JSON text of the same length: two digits of some digest change places."""
    at = body.index(b"sha256:") + 7
    digits = body[at : at + 64]
    return body[:at] + digits[1:] + digits[:1] + body[at + 64 :]


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A client that tries TLS first has to learn that this is HTTP, by a status line.
        default_request_version = "HTTP/1.0"

        def _any(self) -> None:
            try:
                proxy.answer(self)
            except (ConnectionError, TimeoutError):
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = _any

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
