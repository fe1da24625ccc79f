"""The HTTP face of the adapter: POST `/` for JSON-RPC, GET `/health` and `/metrics`."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from morphogen_http.admission import OverloadedError
from morphogen_http.body import BodyBudget, BodyError
from morphogen_http.client import HttpClient
from morphogen_rpc_adapter.code import CodeStore
from morphogen_rpc_adapter.config import CORES, AdapterSettings
from morphogen_rpc_adapter.errors import PARSE_ERROR, PairError, RpcError
from morphogen_rpc_adapter.jsonrpc import answer, count, is_refused_whole, overloaded
from morphogen_rpc_adapter.lanes import Lanes, gateways_here
from morphogen_rpc_adapter.methods import PRIVATE, Methods
from morphogen_rpc_adapter.metrics import Metrics
from morphogen_rpc_adapter.pair import Pair
from morphogen_rpc_adapter.server import PirServer
from morphogen_rpc_adapter.upstream import Upstream

_MAX_BODY_BYTES = 4 * 1024 * 1024  # a batch of raw transactions
_MAX_BODIES_BYTES = 64 * 1024 * 1024
_HEALTH_SECONDS = 0.08
_BATCHES = max(2, CORES)  # under way at once


class Adapter:
    """The state behind the routes."""

    def __init__(self, settings: AdapterSettings) -> None:
        self.settings = settings
        self.lanes = Lanes(settings, gateways_here())
        self.metrics = Metrics({"public": self.lanes.public, "checks": self.lanes.checks})
        # The pair is asked directly: a proxy in between would see both halves of each question.
        self._pir_client = HttpClient(proxies=False)
        self._web_client = HttpClient(proxies=True)
        self.pair = Pair(
            PirServer("A", settings.pir_server_a, self._pir_client),
            PirServer("B", settings.pir_server_b, self._pir_client),
            _BATCHES,
            self.metrics.batch_reads.observe,
        )
        self._bodies = BodyBudget(_MAX_BODIES_BYTES)
        self._methods = self._make_methods()

    def _make_methods(self) -> Methods:
        settings, client = self.settings, self._web_client
        seconds = settings.upstream_timeout
        upstream = relay = Upstream(settings.upstream, client, seconds)
        if settings.tx_relay:
            relay = Upstream(settings.tx_relay, client, seconds, "the relay")
        codes = CodeStore(settings.dict_url, settings.cas_url, client, seconds)
        return Methods(self.pair, codes, upstream, relay, fall_back=settings.fallback_to_upstream)

    async def rpc(self, request: Request) -> Response:
        """`POST /`."""
        response = await self._rpc(request)
        self.metrics.answers.labels(str(response.status_code)).inc()
        return response

    async def _rpc(self, request: Request) -> Response:
        arrived = time.perf_counter()
        until = asyncio.get_running_loop().time() + self.settings.read_budget
        try:
            document = await self._bodies.read(request, _MAX_BODY_BYTES)
        except BodyError as error:
            problem = RpcError(PARSE_ERROR, str(error)).as_object()
            status = 413 if error.status == 413 else 200
            return JSONResponse({"jsonrpc": "2.0", "id": None, "error": problem}, status)
        except OverloadedError as error:
            return _too_much(None, error)

        async def call(method: str, params: object) -> object:
            return await self._methods.call(method, params, until)

        private = 0 if is_refused_whole(document) else count(document, PRIVATE)
        try:
            if private:
                peer = request.client.host if request.client else ""
                lane = self.lanes.of(request.query_params.get("lane"), peer)
                async with lane.enter(private):
                    response = await answer(document, call)
                self.metrics.read_seconds.observe(time.perf_counter() - arrived)
            else:
                response = await answer(document, call)
        except OverloadedError as error:
            return _too_much(document, error)
        if response is None:
            return Response(status_code=204)
        # ASCII only: an id or a result of upstream's may hold text that is no valid UTF-8.
        return Response(json.dumps(response), media_type="application/json")

    def is_full(self) -> bool:
        """Whether the public queue takes no more."""
        return self.lanes.public.is_full()

    def refusal(self, body: bytes) -> bytes | None:
        """The answer to a single private read while the queue is full; None for anything else."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if isinstance(document, list) or not count(document, PRIVATE):
            return None
        self.lanes.public.refused += 1
        self.metrics.answers.labels("503").inc()
        error = OverloadedError("too many requests wait already")
        return json.dumps(overloaded(document, error)).encode()

    async def health(self, _: Request) -> Response:
        """`GET /health`: whether the pair answers as one; the load stands beside it."""
        public = self.lanes.public
        load = {
            "in_flight": public.in_flight,
            "waiting": public.waiting,
            "refused": public.refused,
        }
        try:
            epoch = await self.pair.current(_HEALTH_SECONDS)
        except PairError as error:
            body = {"status": "unavailable", "reason": str(error), "load": load}
            return JSONResponse(body, 503)
        return JSONResponse(
            {
                "status": "ok",
                "epoch_id": epoch.epoch_id,
                "block_number": epoch.block_number,
                "load": load,
            }
        )

    async def show_metrics(self, _: Request) -> Response:
        """`GET /metrics`."""
        return Response(
            generate_latest(self.metrics.registry), media_type="text/plain; version=0.0.4"
        )

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Keep connections and an eye on the pair as long as the app runs."""
        async with self._pir_client, self._web_client:
            watching = asyncio.create_task(self.pair.watch(self.settings.refresh_interval))
            yield
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def make_app(adapter: Adapter) -> Starlette:
    """The ASGI app; it asks the pair for its epoch while it runs."""
    return Starlette(
        routes=[
            Route("/", adapter.rpc, methods=["POST"]),
            Route("/health", adapter.health, methods=["GET"]),
            Route("/metrics", adapter.show_metrics, methods=["GET"]),
        ],
        lifespan=adapter.running,
    )


def _too_much(document: object, error: OverloadedError) -> Response:
    headers = {"Retry-After": str(error.retry_after)}
    return JSONResponse(overloaded(document, error), 503, headers)
