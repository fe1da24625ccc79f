"""Bounded HTTP: each answer has a maximal size and a maximal time, and goes where it may."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from morphops.adapters.registry.bounded import TooLate, within
from morphops.adapters.registry.http_library import TransportError, open_session, translated
from morphops.adapters.registry.origin import Origin, resolve
from morphops.errors import PreconditionError

if TYPE_CHECKING:
    import requests

_Result = TypeVar("_Result")

_CONNECT = 5.0  # seconds
_REDIRECTS = 5
_CHUNK = 1 << 16  # bytes
_SLOWEST = 8192  # bytes a second; what is slower for the whole of a blob counts as stalled


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: of HTTP.
        url: whole.
        headers: without credentials.
        authorization: the `Authorization` header; goes to the URL's own origin only.
        body: bytes, or a file that is streamed.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    authorization: str = field(default="", repr=False)
    body: bytes | Path | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole, small answer.

    Attributes:
        status: of HTTP.
        headers: names are found in any case.
        body: at most as many bytes as were allowed; as sent, never decompressed.
        foreign: another origin than the one that was asked has answered.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    foreign: bool


class Stream:
    """An answer whose body is still to be read."""

    def __init__(self, response: requests.Response, *, foreign: bool, stalled_after: float) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.foreign = foreign
        self._response = response
        self._stalled_after = stalled_after

    def chunks(self, until: float, late: TransportError) -> Iterator[bytes]:
        """Read the body as it comes.

        Args:
            until: on the monotonic clock.
            late: raised when that has passed.

        Raises:
            TransportError: the body breaks off, stalls, or is compressed.
        """
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding != "identity" and self.status < 300:
            # We asked for none. To decode it could fill the memory from a few bytes.
            raise TransportError("it sends a compressed body", "odd")
        with translated(self._stalled_after):
            while chunk := self._response.raw.read1(_CHUNK, decode_content=False):
                yield chunk
                if time.monotonic() > until:
                    raise late

    def close(self) -> None:
        """Close the connection, or give it back where the body was read."""
        self._response.close()


class Transport:
    """Sends requests.

    Args:
        stalled_after: seconds in which nothing comes, after which an answer is given up.
        whole: seconds for a small answer, from name resolution to its last byte.
    """

    def __init__(self, *, stalled_after: float, whole: float) -> None:
        self._stalled_after = stalled_after
        self._whole = whole
        # Here, for to import the library takes time that no limit may count.
        self._sessions = {direct: open_session(direct) for direct in (True, False)}

    def ask(self, request: Request, most: int) -> Answer:
        """Send a request, and read its answer.

        Args:
            request: what to send.
            most: bytes that the answer may have.

        Raises:
            TransportError: no whole answer of that size came in time.
        """
        limit = self.limit(_length(request.body))
        until = time.monotonic() + limit

        def read() -> Answer:
            stream = self._follow(request)
            try:
                chunks = stream.chunks(until, self._late(limit))
                if request.method == "HEAD":
                    body = b""
                elif stream.status < 300:
                    body = _whole(chunks, most)
                else:
                    body = _beginning(chunks)  # the status says enough
                return Answer(stream.status, stream.headers, body, stream.foreign)
            finally:
                stream.close()

        return self._within(limit, read, lambda _: None)

    def open(self, request: Request) -> Stream:
        """Send a request, and return its answer as soon as the body begins.

        Raises:
            TransportError: no answer came in time.
        """
        return self._within(self._whole, lambda: self._follow(request), lambda late: late.close())

    def limit(self, size: int) -> float:
        """Return the seconds that so many bytes may take."""
        return self._whole + size / _SLOWEST

    def _within(
        self, limit: float, call: Callable[[], _Result], discard: Callable[[_Result], object]
    ) -> _Result:
        try:
            return within(limit, call, discard)
        except TooLate:
            raise self._late(limit) from None

    def _late(self, limit: float) -> TransportError:
        return TransportError(f"the answer was not whole after {limit:g} s", "late")

    def _follow(self, request: Request) -> Stream:
        """Follow redirects of reads; credentials stay behind at the first other origin."""
        _, origin = _target(request.url, "")
        here, foreign = origin, False
        for _ in range(_REDIRECTS + 1):
            response = self._send(request, here)
            if not response.is_redirect:
                return Stream(response, foreign=foreign, stalled_after=self._stalled_after)
            response.close()
            if request.method not in ("GET", "HEAD"):
                raise TransportError(f"it redirects a {request.method}", "odd")
            url, target = _target(request.url, response.headers["Location"])
            if not here.may_lead_to(target):
                raise TransportError(f"it redirects to plain HTTP at {target.host}", "odd")
            foreign = foreign or target != origin
            here = target
            request = replace(
                request, url=url, authorization="" if foreign else request.authorization
            )
        raise TransportError(f"it redirects more than {_REDIRECTS} times", "odd")

    def _send(self, request: Request, origin: Origin) -> requests.Response:
        headers = {"Accept-Encoding": "identity", "User-Agent": "morphops", **request.headers}
        # While a body is sent, the library has its connect limit run for each packet.
        connect = self._stalled_after if _length(request.body) > _CHUNK else _CONNECT

        def authorize(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
            # Also where there is nothing to add: else the library would look into ~/.netrc.
            if request.authorization:
                prepared.headers["Authorization"] = request.authorization
            return prepared

        def send(data: object) -> requests.Response:
            with translated(self._stalled_after):
                return self._sessions[origin.loopback].request(
                    request.method,
                    request.url,
                    headers=headers,
                    data=data,  # type: ignore[arg-type]
                    auth=authorize,
                    timeout=(connect, self._stalled_after),
                    allow_redirects=False,
                    stream=True,
                )

        if not isinstance(request.body, Path):
            return send(request.body)
        try:
            file = request.body.open("rb")
        except OSError as err:
            raise PreconditionError(f"cannot read {request.body}: {err.strerror}") from None
        with file:
            return send(file)


def _target(url: str, location: str) -> tuple[str, Origin]:
    try:
        url = resolve(url, location)
        return url, Origin.of(url)
    except ValueError as err:
        raise TransportError(f"it names {err}", "odd") from None


def _length(body: bytes | Path | None) -> int:
    if isinstance(body, Path):
        try:
            return body.stat().st_size
        except OSError:
            return 0  # to open it says why
    return len(body or b"")


def _whole(chunks: Iterator[bytes], most: int) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > most:
            raise TransportError(f"it sends more than {most} bytes", "odd")
    return bytes(data)


def _beginning(chunks: Iterator[bytes]) -> bytes:
    data = b""
    try:
        for chunk in chunks:
            data += chunk
            if len(data) >= _CHUNK:
                break
    except TransportError:
        pass  # what came of it is enough
    return data
