"""Requests fired on time, whether or not the answers come: an open loop over plain sockets.

One process fires thousands of connections a second, so that little of a measured time is its own.
How late it fires is measured too: what it is late is no fault of the service.
"""

import json
import random
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

GIVE_UP_SECONDS = 10.0
Address = tuple[str, int]


def post(body: Mapping[str, object], *, close: bool = False) -> bytes:
    """The bytes of a JSON-RPC request."""
    text = json.dumps(body).encode()
    head = b"POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    head += b"Connection: close\r\n" * close
    return head + b"Content-Length: %d\r\n\r\n" % len(text) + text


def balance_of(address: str, *, close: bool = False) -> bytes:
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": [address, "latest"]}
    return post(call, close=close)


@dataclass(slots=True)
class Tally:
    """What became of a salvo.

    Attributes:
        right: seconds from connecting to the end of each right answer.
        refused: the same of each 503.
        late: seconds that each shot was fired after its time.
        wrong: answers with another value.
        failed: errors, and what never came.
        reasons: how often each error was.
    """

    right: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    wrong: int = 0
    failed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, answer: bytes, expected: str, seconds: float) -> None:
        """Count one answer."""
        if answer.startswith(b"HTTP/1.1 503"):
            self.refused.append(seconds)
            return
        try:
            document = json.loads(answer.partition(b"\r\n\r\n")[2])
        except ValueError:
            self.fail("no whole answer")
            return
        result = document.get("result")
        if result is None:
            self.fail(document.get("error", {}).get("message", "no result"))
        elif result == expected:
            self.right.append(seconds)
        else:
            self.wrong += 1

    def fail(self, reason: str) -> None:
        """Count one that brought no answer."""
        self.failed += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


def percentile(values: list[float], share: float) -> float:
    """In milliseconds; NaN of nothing."""
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def is_whole(data: bytes) -> bool:
    head, empty, body = data.partition(b"\r\n\r\n")
    at = head.lower().find(b"content-length:")
    if not empty or at < 0:
        return False
    return len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0])


@dataclass(slots=True, eq=False)
class _Shot:
    """One connection, one request, one answer."""

    connection: socket.socket
    request: bytes
    expected: str
    started: float
    data: bytes = b""
    done: bool = False


class Gun:
    """Fires reads of random accounts at `address`, and counts what comes back.

    Args:
        address: the adapter.
        balances: for each account the right answer.
    """

    def __init__(self, address: Address, balances: Mapping[str, str]) -> None:
        self._address = address
        self._family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._accounts = [
            (balance_of(account, close=True), balance) for account, balance in balances.items()
        ]
        self._epoll = select.epoll()
        self._shots: dict[int, _Shot] = {}
        self._by_age: deque[_Shot] = deque()
        self.tally = Tally()

    @property
    def under_way(self) -> int:
        """Shots without an answer yet."""
        return len(self._shots)

    def fire(self) -> None:
        """One read over a connection of its own."""
        connection = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        request, expected = random.choice(self._accounts)
        shot = _Shot(connection, request, expected, time.perf_counter())
        self._shots[connection.fileno()] = shot
        self._by_age.append(shot)
        connection.connect_ex(self._address)
        self._epoll.register(connection, select.EPOLLOUT)

    def turn(self, seconds: float) -> None:
        """Do what is to be done, or wait for it."""
        for number, event in self._epoll.poll(max(seconds, 0)):
            shot = self._shots[number]
            try:
                if event & select.EPOLLOUT:
                    shot.connection.send(shot.request)
                    self._epoll.modify(number, select.EPOLLIN)
                elif not self._receive(shot):
                    continue
            except OSError as error:
                self._end(shot)
                self.tally.fail(type(error).__name__)
        while self._by_age and (
            self._by_age[0].done or time.perf_counter() - self._by_age[0].started > GIVE_UP_SECONDS
        ):
            if not (shot := self._by_age.popleft()).done:
                self._end(shot)
                self.tally.fail("gave up")

    def _receive(self, shot: _Shot) -> bool:
        part = shot.connection.recv(65536)
        shot.data += part
        if part and not is_whole(shot.data):
            return False
        taken = time.perf_counter() - shot.started
        self._end(shot)
        self.tally.add(shot.data, shot.expected, taken)
        return True

    def _end(self, shot: _Shot) -> None:
        shot.done = True
        del self._shots[shot.connection.fileno()]
        shot.connection.close()  # the kernel forgets it in epoll

    def wait(self) -> Tally:
        """Until all have an answer or are given up."""
        while self._shots:
            self.turn(0.1)
        self._epoll.close()
        return self.tally


def salvo(
    address: Address,
    balances: Mapping[str, str],
    rate: float,
    seconds: float,
    goes_on: Callable[[], bool] = lambda: True,
) -> Tally:
    """Fire `rate` reads a second, each on time, for `seconds` or as long as `goes_on` says."""
    gun = Gun(address, balances)
    start = time.perf_counter()
    for number in range(int(rate * seconds)):
        if not goes_on():
            break
        due = start + number / rate
        while (wait := due - time.perf_counter()) > 0:
            gun.turn(wait)
        gun.tally.late.append(-wait)
        gun.fire()
        if number % 16 == 0:
            gun.turn(0)  # also when it is late: answers are not left lying
    return gun.wait()


def saturate(address: Address, balances: Mapping[str, str], at_once: int, seconds: float) -> Tally:
    """Keep `at_once` reads under way: what is answered is the capacity."""
    gun = Gun(address, balances)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        while gun.under_way < at_once:
            gun.fire()
        gun.turn(0.1)
    return gun.wait()


def idle(address: Address, count: int, request: bytes) -> list[socket.socket]:
    """Connections that asked once, and are kept open."""
    connections = []
    for _ in range(count):
        connections.append(socket.create_connection(address, timeout=GIVE_UP_SECONDS))
        ask(connections[-1], request)
    return connections


def ask(connection: socket.socket, request: bytes) -> bytes:
    """One request over an open connection; the whole answer.

    Raises:
        ConnectionError: when it is closed before the answer.
    """
    connection.sendall(request)
    data = b""
    while not is_whole(data):
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("closed before the answer")
        data += part
    return data


def at_rest(address: Address, request: bytes, rounds: int) -> list[float]:
    """Seconds of one request after the other over one kept connection."""
    taken = []
    with socket.create_connection(address, timeout=GIVE_UP_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(rounds):
            started = time.perf_counter()
            ask(connection, request)
            taken.append(time.perf_counter() - started)
    return taken
