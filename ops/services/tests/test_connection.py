"""What one connection may take, against a real listener. Each wait ends when the thing happens."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from harness import PATIENCE_SECONDS

from morphogen_http.acceptor import Acceptor, Shedding, small_post
from morphogen_http.bind import BindAddress, listen
from morphogen_http.connection import Bounds
from morphogen_http.process import http_server

GET = b"GET /%s HTTP/1.1\r\nHost: here\r\n\r\n"
LARGE = 32 * 2**20


class Listener:
    """A service in a thread. `/hold` waits for `may_go`, `/large` answers with a lot."""

    def __init__(self, bounds: Bounds, shedding: Shedding | None = None) -> None:
        self.started, self.cancelled = threading.Event(), threading.Event()
        self.may_go = threading.Event()
        self.paths: list[str] = []
        self._socket = listen(BindAddress("127.0.0.1", 0))
        self.address = self._socket.getsockname()
        self.http = http_server(self._answer, bounds, shedding)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        asyncio.run(self.http.serve(sockets=[self._socket]))

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        self.paths.append(scope["path"])
        try:
            while (await receive()).get("more_body"):
                pass
            if scope["path"] == "/hold":
                self.started.set()
                while not self.may_go.is_set():
                    await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        body = bytes(LARGE) if scope["path"] == "/large" else scope["path"].encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        self.may_go.set()
        self.http.should_exit = self.http.force_exit = True
        self._thread.join()
        self._socket.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Listener]]:
    running: list[Listener] = []

    def _start(shedding: Shedding | None = None, **bounds: Any) -> Listener:
        running.append(Listener(Bounds(**bounds), shedding))
        return running[-1]

    yield _start
    for listener in running:
        listener.close()


Start = Callable[..., Listener]


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes; it has to."""
    data = b""
    try:
        while part := connection.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


@pytest.mark.parametrize(
    ("bound", "sent"),
    [
        ("head_seconds", b""),
        ("head_seconds", b"GET / HTTP/1.1\r\nHost:"),
        ("request_seconds", b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf"),
    ],
)
def test_a_slow_sender_is_closed(start: Start, bound: str, sent: bytes) -> None:
    with start(**{bound: 0.1}).connect() as connection:
        connection.sendall(sent)
        assert everything(connection) == b""


def test_a_slow_sender_that_drips_is_closed_too(start: Start) -> None:
    """A byte now and then does not start the clock again."""
    with start(head_seconds=0.5).connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        connection.settimeout(0.05)
        for _ in range(PATIENCE_SECONDS * 20):
            try:
                connection.sendall(b"x")
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return
    pytest.fail("it is still open")


def test_an_idle_connection_is_closed_after_its_answer(start: Start) -> None:
    with start(idle_seconds=1, head_seconds=3600).connect() as connection:
        connection.sendall(GET % b"first")
        assert everything(connection).endswith(b"/first")


def test_a_slow_reader_is_closed(start: Start) -> None:
    listener = start(write_seconds=0.1, idle_seconds=3600, head_seconds=3600)
    with listener.connect() as connection:
        connection.sendall(GET % b"large")
        wait_for(lambda: listener.paths == ["/large"])
        wait_for(lambda: not listener.http.server_state.connections)
        assert len(everything(connection)) < LARGE


@pytest.mark.parametrize("chunk", [1000, 200_000])
def test_a_head_that_is_too_long_is_refused(start: Start, chunk: int) -> None:
    listener = start()
    with listener.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        answer = b""
        try:
            for _ in range(1_000_000 // chunk):
                connection.sendall(b"x" * chunk)
            connection.sendall(b"\r\n\r\n")
            answer = everything(connection)
        except (BrokenPipeError, ConnectionResetError):
            pass  # closed before all of it was sent
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert listener.paths == []


def test_a_long_head_in_one_piece_is_refused(start: Start) -> None:
    listener = start(head_bytes=1000)
    with listener.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 1000 + b"\r\n\r\n")
        assert everything(connection).startswith(b"HTTP/1.1 431 ")
    with listener.connect() as connection:
        connection.sendall(b"GET /short HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert everything(connection).endswith(b"/short")
    assert listener.paths == ["/short"]


def test_requests_sent_ahead_are_answered_in_order_up_to_a_limit(start: Start) -> None:
    listener = start(ahead=8, idle_seconds=1)
    with listener.connect() as connection:
        connection.sendall(b"".join(GET % b"%d" % number for number in range(8)))
        bodies = [part[-2:] for part in everything(connection).split(b"HTTP/1.1 200")[1:]]
        assert bodies == [b"/%d" % number for number in range(8)]
    with listener.connect() as connection:
        connection.sendall(GET % b"hold" + (GET % b"more") * 20)
        assert everything(connection) == b""
    assert listener.cancelled.wait(PATIENCE_SECONDS)
    assert "/more" not in listener.paths


def test_connections_have_a_limit(start: Start) -> None:
    listener = start(from_here=2)
    with listener.connect() as first, listener.connect() as second:
        for connection in (first, second):
            connection.sendall(GET % b"x")
            assert connection.recv(9) == b"HTTP/1.1 "
        with listener.connect() as third:
            assert everything(third) == b""
    # Once one has gone there is room again.
    wait_for(lambda: len(listener.http.server_state.connections) < 2)
    with listener.connect() as again:
        again.sendall(b"GET /again HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert everything(again).endswith(b"/again")


class Full:
    """Refuses everything but `look` while it is full."""

    full = True

    def is_full(self) -> bool:
        return self.full

    def refusal(self, body: bytes) -> bytes | None:
        return None if body == b"look" else b"no: " + body


def post(body: bytes, path: bytes = b"/", more: bytes = b"") -> bytes:
    head = b"POST %s HTTP/1.1\r\nHost: here\r\n%sContent-Length: %d\r\n\r\n"
    return head % (path, more, len(body)) + body


def test_what_is_refused_under_load_is_not_seen_by_the_app(start: Start) -> None:
    full = Full()
    listener = start(full, idle_seconds=1)
    with listener.connect() as connection:
        # On one connection, also sent ahead of each other, and in pieces.
        connection.sendall(post(b"a") + post(b"b")[:-1])
        connection.sendall(b"b" + post(b"look") + GET % b"get" + post(b"x", b"/other"))
        connection.sendall(post(b"large" * 5000))
        answers = everything(connection).split(b"HTTP/1.1 ")[1:]
    assert [(answer[:3], answer.split(b"\r\n\r\n")[1]) for answer in answers] == [
        (b"503", b"no: a"), (b"503", b"no: b"),
        (b"200", b"/"), (b"200", b"/get"), (b"200", b"/other"), (b"200", b"/"),
    ]  # fmt: skip
    assert b"retry-after: 1" in answers[0]
    assert listener.paths == ["/", "/get", "/other", "/"]
    full.full = False
    with listener.connect() as connection:
        connection.sendall(post(b"a", more=b"Connection: close\r\n"))
        assert everything(connection).startswith(b"HTTP/1.1 200")
    full.full = True
    with listener.connect() as connection:
        connection.sendall(post(b"a", more=b"Connection: close\r\n"))
        assert everything(connection).startswith(b"HTTP/1.1 503")


def test_a_refused_connection_costs_no_more_than_its_answer(start: Start) -> None:
    """Hundreds that come at once are refused and closed; none gets a protocol of its own."""
    listener = start(Full(), connections=0, from_here=0)
    connections = [listener.connect() for _ in range(600)]
    for connection in connections:
        connection.sendall(post(b"a"))
    for connection in connections:
        answer = everything(connection)
        connection.close()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nconnection: close\r\n" in answer
        assert answer.endswith(b"\r\n\r\nno: a")
    assert listener.paths == []


def test_a_connection_that_was_silent_under_load_is_served_when_it_speaks(start: Start) -> None:
    full = Full()
    listener = start(full)
    with listener.connect() as silent, listener.connect() as gone:
        gone.close()
        silent.sendall(b"POST / HTTP/1.1\r\n")
        full.full = False
        silent.sendall(post(b"a", more=b"Connection: close\r\n").partition(b"\r\n")[2])
        assert everything(silent).startswith(b"HTTP/1.1 200")


def test_a_connection_that_comes_while_the_service_stops_holds_nothing_up() -> None:
    """It gets its protocol after the others were told to end, and has to end as well."""

    class Late(asyncio.Protocol):
        was_told = False

        def shutdown(self) -> None:
            self.was_told = True

    async def check() -> None:
        made: list[Late] = []
        listener = listen(BindAddress("127.0.0.1", 0))

        def make() -> Any:
            made.append(Late())
            acceptor.close()
            return made[-1]

        acceptor = Acceptor(listener, make, None)
        with listener, socket.create_connection(listener.getsockname()):
            while not made:
                await asyncio.sleep(0.005)
            await acceptor.wait_closed()
            assert made[0].was_told

    asyncio.run(check())


def test_a_silent_connection_gets_its_bounds_under_load_too(start: Start) -> None:
    with start(Full(), head_seconds=0.1).connect() as connection:
        assert everything(connection) == b""


def test_silent_connections_end_with_the_service(start: Start) -> None:
    listener = start(Full(), head_seconds=3600)
    with listener.connect() as connection:
        listener.close()
        assert everything(connection) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST / HTTP/1.1\r\n",
        post(b"a")[:-1],
        post(b"a") + b"b",
        post(b"a", path=b"/?lane=checks"),
        post(b"a", more=b"Content-Length: 1\r\n"),
        post(b"a", more=b"Transfer-Encoding: chunked\r\n"),
        post(b"a", more=b"expect: 100-continue\r\n"),
        post(b"a", more=b"Upgrade: h2c\r\n"),
        post(b"a").replace(b"1.1", b"1.0"),
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\na",
        GET % b"",
    ],
)
def test_what_is_no_small_post_is_left_to_the_parser(data: bytes) -> None:
    assert small_post(data) is None


def test_a_small_post_is_read() -> None:
    assert small_post(post(b"")) == b""
    assert small_post(post(b"a\r\n\r\nb", more=b"X: y\r\n")) == b"a\r\n\r\nb"


def test_work_stops_when_the_client_goes(start: Start) -> None:
    listener = start()
    with listener.connect() as connection:
        connection.sendall(GET % b"hold")
        assert listener.started.wait(PATIENCE_SECONDS)
    assert listener.cancelled.wait(PATIENCE_SECONDS)


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE_SECONDS * 50):
        if condition():
            return
        pause.wait(0.02)
    pytest.fail("still not so")
