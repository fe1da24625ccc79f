"""JSON-RPC 2.0: envelopes, batches and notifications around a function that answers one call."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

from morphogen_http.admission import OverloadedError
from morphogen_rpc_adapter.errors import INTERNAL_ERROR, INVALID_REQUEST, LIMIT_EXCEEDED, RpcError

MAX_BATCH: Final = 100
_AT_ONCE: Final = 16  # calls of one batch that run at the same time

Call = Callable[[str, Any], Awaitable[Any]]
Response = dict[str, Any]

log = logging.getLogger("morphogen_rpc_adapter")


async def answer(document: object, call: Call) -> Response | list[Response] | None:
    """Answer a request or a batch; None when it was notifications only.

    Args:
        document: the parsed body.
        call: answers a method with its parameters, or raises RpcError.

    Raises:
        OverloadedError: when `call` raises it for a request that stands alone; in a batch, that
            one request is answered with an error.
    """
    if not isinstance(document, list):
        return await _answer_one(document, call)
    if not document:
        return _error(None, RpcError(INVALID_REQUEST, "the batch is empty"))
    if len(document) > MAX_BATCH:
        return _error(None, RpcError(INVALID_REQUEST, f"a batch has at most {MAX_BATCH} requests"))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(request: object) -> Response | None:
        async with gate:
            try:
                return await _answer_one(request, call)
            except OverloadedError as error:
                return overloaded(request, error)

    responses = await asyncio.gather(*(one(request) for request in document))
    return [response for response in responses if response is not None] or None


def count(document: object, methods: frozenset[str]) -> int:
    """How many calls in a request or a batch are of `methods`."""
    requests = document if isinstance(document, list) else [document]
    # The type is looked at first: a name that is a list cannot be looked up.
    return sum(
        isinstance(request, dict)
        and isinstance(method := request.get("method"), str)
        and method in methods
        for request in requests
    )


def overloaded(document: object, error: OverloadedError) -> Response:
    """The answer to a request, or to a batch as a whole, that there is no room for."""
    identity = document.get("id") if isinstance(document, dict) else None
    problem = RpcError(LIMIT_EXCEEDED, f"too much load, ask again: {error}")
    return _error(identity if _is_id(identity) else None, problem)


def is_refused_whole(document: object) -> bool:
    """Whether a batch is too long, or empty: then none of it is worked on."""
    return isinstance(document, list) and not 1 <= len(document) <= MAX_BATCH


async def _answer_one(request: object, call: Call) -> Response | None:
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
        return _error(None, RpcError(INVALID_REQUEST, "not a JSON-RPC 2.0 request"))
    identity, method = request.get("id"), request.get("method")
    if not _is_id(identity):
        return _error(None, RpcError(INVALID_REQUEST, "the id must be text, a number or null"))
    params = request.get("params", [])
    if not isinstance(method, str) or not isinstance(params, list | dict):
        return _error(identity, RpcError(INVALID_REQUEST, "method or params have the wrong type"))
    try:
        response = {"jsonrpc": "2.0", "id": identity, "result": await call(method, params)}
    except OverloadedError:
        raise
    except RpcError as error:
        response = _error(identity, error)
    except Exception as error:
        # A bug. Its message or traceback could hold an address, its type cannot.
        log.error("internal error: %s", type(error).__name__)
        response = _error(identity, RpcError(INTERNAL_ERROR, "internal error"))
    return response if "id" in request else None


def _is_id(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)  # 1e999 is JSON, and infinite
    return value is None or (isinstance(value, str | int) and not isinstance(value, bool))


def _error(identity: object, error: RpcError) -> Response:
    return {"jsonrpc": "2.0", "id": identity, "error": error.as_object()}
