"""Reads a JSON request body without letting it grow."""

import json

from starlette.requests import ClientDisconnect, Request


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


async def json_body(request: Request, limit: int) -> object:
    """The JSON document in the body, which has at most `limit` bytes.

    Raises:
        BodyError: when it is larger, cut off or no JSON.
    """
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise BodyError(413, f"the body is larger than {limit} bytes")
    except ClientDisconnect:
        raise BodyError(400, "the body ends early") from None
    try:
        document: object = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BodyError(400, "the body is not a JSON document") from None
    return document
