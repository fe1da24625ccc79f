"""Requests fired on time, whether or not the answers come: an open loop."""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

GIVE_UP_SECONDS = 10.0


def post(body: Mapping[str, object]) -> bytes:
    """The bytes of a JSON-RPC request."""
    text = json.dumps(body).encode()
    head = b"POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return head + b"Content-Length: %d\r\n\r\n" % len(text) + text


def balance_of(address: str) -> bytes:
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": [address, "latest"]}
    return post(call)


@dataclass(slots=True)
class Tally:
    """What became of a salvo.

    Attributes:
        right: seconds that each right answer took.
        refused: seconds that each 503 took.
        wrong: answers with another value.
        failed: errors, and what never came.
    """

    right: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    wrong: int = 0
    failed: int = 0

    def add(self, answer: bytes, expected: str, seconds: float) -> None:
        """Count one answer."""
        if answer.startswith(b"HTTP/1.1 503"):
            self.refused.append(seconds)
            return
        try:
            result = json.loads(answer.partition(b"\r\n\r\n")[2]).get("result")
        except ValueError:
            result = None
        if result is None:
            self.failed += 1
        elif result == expected:
            self.right.append(seconds)
        else:
            self.wrong += 1


def percentile(values: list[float], share: float) -> float:
    """In milliseconds; NaN of nothing."""
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


class _Shot(asyncio.Protocol):
    """One connection, one request, one answer."""

    def __init__(self, request: bytes, done: asyncio.Future[bytes]) -> None:
        self._request = request
        self._done = done
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if is_whole(self._data):
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(self._data)
        if self._transport is not None:
            self._transport.close()


def is_whole(data: bytes) -> bool:
    head, empty, body = data.partition(b"\r\n\r\n")
    at = head.lower().find(b"content-length:")
    if not empty or at < 0:
        return False
    return len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0])


async def shoot(port: int, address: str, expected: str, tally: Tally) -> None:
    """One read over a connection of its own."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    started = time.perf_counter()
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await loop.create_connection(
                lambda: _Shot(balance_of(address), done), "127.0.0.1", port
            )
            answer = await done
    except (OSError, TimeoutError):
        tally.failed += 1
        return
    tally.add(answer, expected, time.perf_counter() - started)


async def salvo(port: int, balances: Mapping[str, str], rate: float, seconds: float) -> Tally:
    """Fire `rate` reads a second, each on time."""
    tally = Tally()
    accounts = list(balances.items())
    start = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            wait = start + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            address, expected = random.choice(accounts)
            tasks.create_task(shoot(port, address, expected, tally))
    return tally


async def saturate(port: int, balances: Mapping[str, str], at_once: int, seconds: float) -> Tally:
    """Keep `at_once` reads under way: what is answered is the capacity."""
    tally = Tally()
    accounts = list(balances.items())
    end = time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < end:
            address, expected = random.choice(accounts)
            await shoot(port, address, expected, tally)

    await asyncio.gather(*(client() for _ in range(at_once)))
    return tally


def at_rest(port: int, request: bytes, rounds: int) -> list[float]:
    """Seconds of one request after the other over one kept connection."""
    import socket

    taken = []
    with socket.create_connection(("127.0.0.1", port), timeout=GIVE_UP_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(rounds):
            started = time.perf_counter()
            connection.sendall(request)
            data = b""
            while not is_whole(data):
                part = connection.recv(65536)
                if not part:
                    raise ConnectionError("closed before the answer")
                data += part
            taken.append(time.perf_counter() - started)
    return taken
