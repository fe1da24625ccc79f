"""An engine in this process: answers on a unix socket as it is told, rightly or not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

VERSION = {"Version": "27.0", "ApiVersion": "1.46", "MinAPIVersion": "1.24", "Arch": "amd64"}
Behaviour: TypeAlias = Callable[["FakeEngine", socket.socket], bool]


def says(body: object, status: int = 200, *, more: str = "") -> Behaviour:
    """Answer with JSON, and keep the connection; `more` are headers."""

    def behave(engine: FakeEngine, sock: socket.socket) -> bool:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(data)}\r\n{more}\r\n"
        sock.sendall(head.encode() + data)
        return "close" not in more

    return behave


def sends(data: bytes, *, then_hangs: bool = False) -> Behaviour:
    """Send these bytes and nothing else; close, or keep the connection and send nothing more."""

    def behave(engine: FakeEngine, sock: socket.socket) -> bool:
        sock.sendall(data)
        if then_hangs:
            engine.over.wait()
        return False

    return behave


def drips(engine: FakeEngine, sock: socket.socket) -> bool:
    """Answer with one byte after the other, and never come to an end."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not engine.over.wait(0.01):
        sock.sendall(b"x")
    return False


def chunked(*pieces: bytes, whole: bool = True) -> bytes:
    """An answer in chunks; without its end where it is not whole."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + body + (b"0\r\n\r\n" if whole else b"")


class FakeEngine:
    """Listens at `path` from its entry to its exit.

    Attributes:
        answers: path without the version and the query → how it is answered; all else is 404.
        asked: each request: (connection's number, method, path, query).
        headers: of the last request.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, Behaviour] = {"/_ping": says(b"OK"), "/version": says(VERSION)}
        self.asked: list[tuple[int, str, str, dict[str, list[str]]]] = []
        self.headers: Mapping[str, str] = {}
        self.over = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._connections = 0

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def paths(self, prefix: str) -> list[str]:
        """The paths asked for so far that begin so."""
        return [path for _, _, path, _ in self.asked if path.startswith(prefix)]

    def __enter__(self) -> FakeEngine:
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._connections += 1
            threading.Thread(
                target=self._connection, args=(self._connections, sock), daemon=True
            ).start()

    def _connection(self, number: int, sock: socket.socket) -> None:
        with sock, sock.makefile("rb") as stream:
            try:
                while line := stream.readline():
                    method, target, _ = line.decode().split()
                    self._read_rest(stream)
                    whole = urlsplit(target)
                    self.asked.append((number, method, whole.path, parse_qs(whole.query)))
                    if not self._behaviour(whole.path)(self, sock):
                        return
            except OSError:  # the client hung up
                return

    def _read_rest(self, stream: Any) -> None:
        headers = {}
        while line := stream.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name] = value
        stream.read(int(headers.get("Content-Length", 0)))
        self.headers = headers

    def _behaviour(self, path: str) -> Behaviour:
        bare = "/" + path.split("/", 2)[2] if path.startswith("/v1.") else path
        return self.answers.get(bare, says({"message": f"no such thing: {bare}"}, 404))
