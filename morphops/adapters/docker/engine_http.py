"""HTTP with an engine: requests, answers and streams, each with limits of time and size."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from morphops.adapters.docker.connection import Connection, Dial, Unreachable

MOST = 64 << 20  # bytes of one answer; a list of ten thousand images has ten million
_LONGEST_LINE = 4 << 20  # bytes of one message of a stream
_PIECE = 1 << 16


class NoAnswer(Exception):
    """The engine did not answer in time."""


class BadAnswer(Exception):
    """The answer was cut short, is too long, or is not what the API promises."""


class Refusal(Exception):
    """The engine answered with an error.

    Args:
        status: of HTTP.
        message: the engine's own words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method, path: the path is quoted, and has its query.
        body: sent as JSON.
        headers: more of them; may hold credentials.
    """

    method: str
    path: str
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def ask(dial: Dial, request: Request, limit: float, most: int = MOST) -> bytes:
    """Return the body of the answer.

    Args:
        dial: connects.
        request: what is asked.
        limit: seconds for the whole.
        most: bytes of the body.

    Raises:
        Unreachable, NoAnswer, BadAnswer, Refusal: see there.
    """
    (answer,) = ask_all(dial, [request], limit, most)
    if isinstance(answer, Refusal):
        raise answer
    return answer


def ask_all(
    dial: Dial, requests: Sequence[Request], limit: float, most: int = MOST
) -> list[bytes | Refusal]:
    """Return the answers to several requests, over one connection where the engine keeps it.

    To open one may cost a process, and a handshake with another machine.

    Args:
        dial: connects.
        requests: in order.
        limit: seconds for all of them.
        most: bytes of each body.

    Raises:
        Unreachable, NoAnswer, BadAnswer: see there.
    """
    end = time.monotonic() + limit
    answers: list[bytes | Refusal] = []
    while len(answers) < len(requests):
        with _connected(dial, end - time.monotonic()) as connection, _translated():
            client = _client(connection)
            for request in requests[len(answers) :]:
                response = _respond(client, request)
                answers.append(_answer(response, most))
                if response.will_close:
                    break
    return answers


@contextmanager
def stream(dial: Dial, request: Request, limit: float) -> Iterator[Stream]:
    """Open a stream of messages; it is closed at the end of the block.

    Args:
        dial: connects.
        request: what is asked.
        limit: seconds until it begins.

    Raises:
        Unreachable, NoAnswer, BadAnswer, Refusal: see there; also inside of the block.
    """
    with _connected(dial, limit) as connection:
        with _translated():
            response = _respond(_client(connection), request)
            if response.status >= 300:
                answer = _answer(response, MOST)
                raise answer if isinstance(answer, Refusal) else BadAnswer("no stream")
        yield Stream(connection, response)


class Stream:
    """JSON messages that come one after the other."""

    def __init__(self, connection: Connection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self._rest = b""

    def next(self, limit: float | None) -> dict[str, Any] | None:
        """Return the next message; None at the end.

        Args:
            limit: seconds to wait for it; None for as long as it takes.

        Raises:
            NoAnswer: there was none in that time.
            BadAnswer: the stream was cut, or it is not JSON.
        """
        self._connection.within(limit)
        with _translated():
            while True:
                line, found, rest = self._rest.partition(b"\n")
                if found:
                    self._rest = rest
                    if line.strip():
                        return _object(line)
                    continue
                if len(self._rest) > _LONGEST_LINE:
                    raise BadAnswer("a message is too long")
                piece = self._response.read1(_PIECE)
                if not piece:
                    _check_whole(self._response)
                    line, self._rest = self._rest, b""
                    return _object(line) if line.strip() else None
                self._rest += piece

    def hang_up(self) -> None:
        """End it; a `next` in another thread ends with it."""
        self._connection.hang_up()


@contextmanager
def _connected(dial: Dial, limit: float) -> Iterator[Connection]:
    end = time.monotonic() + limit
    with _translated():
        connection = _dialled(dial, limit)
    try:
        connection.within(end - time.monotonic())
        yield connection
    finally:
        connection.hang_up()


def _dialled(dial: Dial, limit: float) -> Connection:
    if limit <= 0:
        raise TimeoutError
    try:
        return dial(limit)
    except TimeoutError:
        raise
    except PermissionError as err:
        raise Unreachable(err.strerror or "permission denied", denied=True) from None
    except BlockingIOError:  # the queue of a unix socket is full: something is there, and is stuck
        raise NoAnswer from None
    except OSError as err:
        raise Unreachable(err.strerror or str(err)) from None


def _client(connection: Connection) -> http.client.HTTPConnection:
    client = http.client.HTTPConnection("docker")
    client.sock = connection
    client.auto_open = 0  # it would look for a machine of that name
    return client


def _respond(client: http.client.HTTPConnection, request: Request) -> http.client.HTTPResponse:
    headers = dict(request.headers)
    body = None
    if request.body is not None:
        body = json.dumps(request.body).encode()
        headers["Content-Type"] = "application/json"
    client.request(request.method, request.path, body, headers)
    return client.getresponse()


def _answer(response: http.client.HTTPResponse, most: int) -> bytes | Refusal:
    body = _body(response, most)
    response.close()  # `read1` does not when a length is read to its end; the connection stays
    return Refusal(response.status, _message(body)) if response.status >= 300 else body


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise NoAnswer from None
    except http.client.HTTPException as err:
        raise BadAnswer(type(err).__name__) from None
    except (OSError, ValueError) as err:  # ValueError: the file was closed under a reader
        raise BadAnswer(getattr(err, "strerror", None) or str(err) or type(err).__name__) from None


def _body(response: http.client.HTTPResponse, most: int) -> bytes:
    pieces, size = [], 0
    while piece := response.read1(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise BadAnswer(f"the answer is longer than {most} bytes")
    _check_whole(response)
    return b"".join(pieces)


def _check_whole(response: http.client.HTTPResponse) -> None:
    # Without a length the end of the connection is the end; `read1` notices missing chunks.
    if response.length:
        raise BadAnswer("the answer was cut short")


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadAnswer("a message is not a JSON object")
    return found


def _message(body: bytes) -> str:
    """The engine's words: `{"message": …}`; what is not that is shown as text."""
    text = body[:4096].decode(errors="replace")
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return text.strip()
