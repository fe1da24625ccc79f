"""The HTTP face of the adapter: POST `/` for JSON-RPC, GET `/health`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from morphogen_http.body import BodyError, json_body
from morphogen_http.client import HttpClient
from morphogen_rpc_adapter.code import CodeStore
from morphogen_rpc_adapter.config import AdapterSettings
from morphogen_rpc_adapter.errors import PARSE_ERROR, PairError, RpcError
from morphogen_rpc_adapter.jsonrpc import answer
from morphogen_rpc_adapter.methods import Methods, keep_fresh
from morphogen_rpc_adapter.pair import Pair
from morphogen_rpc_adapter.upstream import Upstream

_MAX_BODY_BYTES = 4 * 1024 * 1024  # a batch of raw transactions


def make_app(settings: AdapterSettings) -> Starlette:
    """The ASGI app; it asks the pair for its epoch while it runs."""
    # The pair is asked directly: a proxy in between would see both halves of each question.
    pir_client, web_client = HttpClient(proxies=False), HttpClient(proxies=True)
    seconds = settings.upstream_timeout
    pair = Pair(settings.pir_server_a, settings.pir_server_b, pir_client)
    upstream = Upstream(settings.upstream, web_client, seconds)
    relay = None
    if settings.tx_relay:
        relay = Upstream(settings.tx_relay, web_client, seconds, "the relay")
    methods = Methods(
        pair,
        CodeStore(settings.dict_url, settings.cas_url, web_client, seconds),
        upstream,
        relay or upstream,
        fall_back=settings.fallback_to_upstream,
    )

    async def rpc(request: Request) -> Response:
        try:
            document = await json_body(request, _MAX_BODY_BYTES)
        except BodyError as error:
            problem = RpcError(PARSE_ERROR, str(error)).as_object()
            status = 413 if error.status == 413 else 200
            return JSONResponse({"jsonrpc": "2.0", "id": None, "error": problem}, status)
        response = await answer(document, methods.call)
        if response is None:
            return Response(status_code=204)
        # ASCII only: an id or a result of upstream's may hold text that is no valid UTF-8.
        return Response(json.dumps(response), media_type="application/json")

    async def health(_: Request) -> Response:
        try:
            epoch = await pair.refresh()
        except PairError as error:
            return JSONResponse({"status": "unavailable", "reason": str(error)}, 503)
        return JSONResponse(
            {"status": "ok", "epoch_id": epoch.epoch_id, "block_number": epoch.block_number}
        )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pir_client, web_client:
            refreshing = asyncio.create_task(keep_fresh(pair, settings.refresh_interval))
            yield
            refreshing.cancel()
            await asyncio.gather(refreshing, return_exceptions=True)

    return Starlette(
        routes=[Route("/", rpc, methods=["POST"]), Route("/health", health, methods=["GET"])],
        lifespan=lifespan,
    )
