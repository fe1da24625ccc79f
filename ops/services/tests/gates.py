"""A gate before a real server: it sees what the server sees, and can make it fail."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness import HTTP, PATIENCE_SECONDS, Quiet, Threaded


@dataclass(frozen=True)
class Seen:
    """A request, as the server behind a gate sees it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def questions(self) -> int:
        return len(json.loads(self.body)["queries"])


class Gate(Threaded):
    """Stands before a real server: sees what it sees, and can make it fail.

    Attributes:
        seen: every request, in order.
        holds: so many of the next queries wait until `release`.
        spoil: None, or what becomes of the server's answers to queries.
        loading: whether the server seems to have no snapshot yet.
    """

    def __init__(self, url: str) -> None:
        self.target = url
        self.seen: list[Seen] = []
        self.holds = 0
        self.held = threading.Semaphore(0)
        self.released = threading.Event()
        self.spoil: str | None = None
        self.loading = False
        self.lock = threading.Lock()
        super().__init__(_GateHandler)

    def release(self) -> None:
        self.holds = 0
        self.released.set()

    @property
    def queries(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.path.startswith("/query")]

    def __exit__(self, *_: object) -> None:
        self.release()
        super().__exit__()


class _GateHandler(Quiet):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

    def _pass_on(self, body: bytes) -> None:
        gate: Gate = self.server.owner  # type: ignore[attr-defined]
        self.close_connection = True
        with gate.lock:
            gate.seen.append(Seen(self.command, self.path, list(self.headers.items()), body))
            hold = gate.holds > 0 and self.path.startswith("/query")
            gate.holds -= hold
        if hold:
            gate.held.release()
            gate.released.wait(PATIENCE_SECONDS)
        if gate.loading:
            return self.reply(503, b"{}")
        answer = HTTP.request(self.command, gate.target + self.path, content=body)
        try:
            if self.path.startswith("/query") and gate.spoil:
                self._spoil(gate.spoil, answer.content)
            else:
                self.reply(answer.status_code, answer.content)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the adapter does not wait for it any more

    def _spoil(self, how: str, body: bytes) -> None:
        if how == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(bytes(65536))
        elif how in STATUSES:
            self.reply(STATUSES[how], b"{}")
        elif how != "nothing":
            self.reply(200, CHANGES[how](json.loads(body)))


def _changed(**values: Any) -> Callable[[Any], bytes]:
    return lambda document: json.dumps(document | values).encode()


def _short(document: Any) -> bytes:
    return json.dumps(document | {"results": document["results"][:-1]}).encode()


def _narrow(document: Any) -> bytes:
    first, *others = document["results"]
    narrow = {field: ["0x00", *payloads[1:]] for field, payloads in first.items()}
    return json.dumps(document | {"results": [narrow, *others]}).encode()


def _lie(document: Any) -> bytes:
    """Every payload with its last bit changed."""
    results = [
        {field: [text[:-1] + f"{int(text[-1], 16) ^ 1:x}" for text in payloads]}
        for result in document["results"]
        for field, payloads in result.items()
    ]
    return json.dumps(document | {"results": results}).encode()


STATUSES = {"status": 500, "busy": 503}
CHANGES: dict[str, Callable[[Any], bytes]] = {
    "noise": lambda _: b"\xff",
    "short": _short,
    "narrow": _narrow,
    "another epoch": _changed(fingerprint="0x" + "00" * 32),
    "a lie": _lie,
}
