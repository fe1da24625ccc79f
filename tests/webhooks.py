"""A webhook of the tests' own: a real HTTP server on loopback that behaves well, or badly."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeAlias

Manner: TypeAlias = Literal["ok", "error", "redirect", "hang", "drip", "interrupt"]
TOKEN = "T0KEN-sentinel-5a1b9c"


class Webhook(ThreadingHTTPServer):
    """Remembers what it was sent.

    Attributes:
        manner: how it answers.
        bodies: the JSON of each POST to the right path.
        astray: other requests.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manner: Manner = "ok"
        self.bodies: list[dict[str, Any]] = []
        self.astray: list[str] = []
        self.over = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """Like those of chats: whoever has it may post."""
        return f"http://{self.address}/services/T1/{TOKEN}"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path != f"/services/T1/{TOKEN}":
            self.server.astray.append(self.path)
        else:
            self.server.bodies.append(json.loads(body))
        match self.server.manner:
            case "interrupt":  # somebody has no patience
                os.kill(os.getpid(), signal.SIGINT)
                self.server.over.wait(60)
            case "hang":
                self.server.over.wait(60)
            case "drip":  # each byte is in time, and the whole never is
                while not self.server.over.wait(0.02):
                    self.wfile.write(b"x")
                    self.wfile.flush()
            case "redirect":
                self.send_response(307)
                self.send_header("location", "/elsewhere")
                self.end_headers()
            case manner:
                self.send_response(204 if manner == "ok" else 500)
                self.end_headers()

    def do_GET(self) -> None:
        self.server.astray.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served() -> Iterator[Webhook]:
    """A webhook that answers inside of the block."""
    with Webhook() as webhook:
        thread = threading.Thread(target=webhook.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield webhook
        finally:
            webhook.over.set()
            webhook.shutdown()
            thread.join()
