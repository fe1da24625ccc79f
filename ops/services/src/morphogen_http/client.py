"""An HTTP client whose every answer is bounded, in bytes and in seconds."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Final, Self

import aiohttp
import certifi
from yarl import URL

_CONNECT_SECONDS: Final = 2
# Shorter than the services keep an idle connection: the client closes first, and asks no dead one.
_KEEP_IDLE_SECONDS: Final = 15


class Reason(Enum):
    """Why there is no answer."""

    UNREACHABLE = "cannot be reached"
    LOST = "closed the connection"
    TIMEOUT = "does not answer in time"
    TOO_LARGE = "answers with too much"


class NoAnswerError(Exception):
    """A request that brought no whole answer; the message names no URL, for it may be secret.

    Attributes:
        reason: what went wrong.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes


class HttpClient:
    """A pool of connections, open as long as its `async with` block.

    Args:
        proxies: whether the proxies of the environment are used.
        connections: how many connections are open at once; further requests wait for one.
    """

    def __init__(self, *, proxies: bool, connections: int = 100) -> None:
        self._proxies = proxies
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool."""
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            keepalive_timeout=_KEEP_IDLE_SECONDS,
            # A container that is replaced may have another address under the same name.
            use_dns_cache=False,
            ssl=_tls(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=self._proxies,
            # Neither a cookie nor a compressed body is ever wanted.
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept"),
            headers={"Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        url: str | URL,
        *,
        seconds: float,
        limit: int,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer. Redirects are not followed.

        Args:
            method: `GET` or `POST`.
            url: where to; a string is sent as it is.
            seconds: for everything from connecting to the last byte.
            limit: bytes that the answer may have.
            body: JSON, where the request has a body.
            headers: in addition to the usual ones.

        Raises:
            NoAnswerError: when there is no whole answer within these bounds.
        """
        if self._session is None:
            raise NoAnswerError(Reason.UNREACHABLE)
        given = dict(headers or {})
        if body is not None:
            given["Content-Type"] = "application/json"
        timeout = aiohttp.ClientTimeout(
            total=max(seconds, 0.001), sock_connect=min(seconds, _CONNECT_SECONDS)
        )
        try:
            async with self._session.request(
                method,
                url if isinstance(url, URL) else URL(url, encoded=True),
                data=body,
                headers=given,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return Answer(response.status, await _bounded(response, limit))
        except TimeoutError:
            raise NoAnswerError(Reason.TIMEOUT) from None
        except aiohttp.ClientConnectorError:
            raise NoAnswerError(Reason.UNREACHABLE) from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
            raise NoAnswerError(Reason.LOST) from None
        except (aiohttp.ClientError, ValueError):
            raise NoAnswerError(Reason.UNREACHABLE) from None


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > limit:
            response.close()  # the rest is not read, however long it is
            raise NoAnswerError(Reason.TOO_LARGE)
    return bytes(data)


def _tls() -> ssl.SSLContext:
    """The certificates of the environment where it names some, else certifi's."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    return ssl.create_default_context(cafile=certifi.where())
