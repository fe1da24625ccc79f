"""Reads JSON request bodies without letting them grow, one by one or together."""

import json

from starlette.requests import ClientDisconnect, Request

from morphogen_http.admission import OverloadedError


class BodyError(Exception):
    """The body is refused.

    Attributes:
        status: 413 when it is too large, 400 when it is no JSON document.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _no_constant(name: str) -> None:
    """NaN and the infinities are no JSON, whatever Python thinks."""
    raise ValueError(name)


class BodyBudget:
    """Memory that the bodies of all requests share, so that many large ones do not fill it.

    Args:
        most: bytes that are held at once.
    """

    def __init__(self, most: int) -> None:
        self._free = most

    async def read(self, request: Request, limit: int) -> object:
        """The JSON document in the body, which has at most `limit` bytes.

        Raises:
            BodyError: when it is larger, truncated or not JSON.
            OverloadedError: when the bodies of other requests take all the memory.
        """
        body = bytearray()
        try:
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise BodyError(413, f"the body is larger than {limit} bytes")
                if len(chunk) > self._free:
                    raise OverloadedError("other requests' bodies take all the memory")
                self._free -= len(chunk)
                body += chunk
            document: object = json.loads(body, parse_constant=_no_constant)
        except ClientDisconnect:
            raise BodyError(400, "the body ends early") from None
        except (ValueError, RecursionError):
            raise BodyError(400, "the body is not a JSON document") from None
        finally:
            self._free += len(body)
        return document
