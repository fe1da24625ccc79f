"""The HTTP face of the server: routes, statuses, JSON. What they answer comes from `epoch`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from morphogen_http.body import BodyError, json_body
from morphogen_pir.matrix import Matrix, MatrixError
from morphogen_pir.wire import Kind, WireError, to_hex
from morphogen_server.admin import AdminError, check_token, fetch, parse_request
from morphogen_server.config import ServerSettings
from morphogen_server.epoch import Epoch, make_epoch, parse_keys
from morphogen_server.metrics import Metrics
from morphogen_server.scans import ScanPool

_MAX_BODY_BYTES = 1024 * 1024
_MAX_BATCH = 32

log = logging.getLogger("morphogen_server")
Handler = Callable[[Request], Awaitable[Response]]


class Server:
    """The state behind the routes: the epoch that is served, and the pool that scans it."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.pool = ScanPool(settings.max_concurrent_scans, self.metrics)
        self._epoch: Epoch | None = None
        self._loading = asyncio.Lock()

    @property
    def epoch(self) -> Epoch:
        """The epoch served now.

        Raises:
            HTTPException: 503 while there is none yet.
        """
        if self._epoch is None:
            raise HTTPException(503, "the matrix is not loaded yet")
        return self._epoch

    def serve(self, epoch: Epoch) -> None:
        """Answer from `epoch` from now on; requests under way keep the epoch they began with."""
        self._epoch = epoch
        self.metrics.epoch_id.set(epoch.epoch_id)
        self.metrics.block_number.set(epoch.block_number)
        self.metrics.num_rows.set(epoch.matrix.num_rows)
        log.info(
            "serving epoch %d: %d rows, block %d",
            epoch.epoch_id,
            epoch.matrix.num_rows,
            epoch.block_number,
        )

    async def health(self, _: Request) -> Response:
        """`GET /health`."""
        epoch = self.epoch
        return JSONResponse(
            {"status": "ok", "epoch_id": epoch.epoch_id, "block_number": epoch.block_number}
        )

    async def describe(self, _: Request) -> Response:
        """`GET /epoch`."""
        return JSONResponse(self.epoch.describe())

    async def query(self, request: Request) -> Response:
        """`POST /query`: three rows."""
        epoch, keys = (
            self.epoch,
            parse_keys(_field(await json_body(request, _MAX_BODY_BYTES), "keys")),
        )
        answers = await self.pool.run(lambda: epoch.answer(Kind.ROW, keys))
        return JSONResponse({"epoch_id": epoch.epoch_id, "payloads": [to_hex(a) for a in answers]})

    async def query_page(self, request: Request) -> Response:
        """`POST /query/page`: three pages."""
        epoch = self.epoch
        if epoch.pages is None:
            raise HTTPException(404, "page PIR is disabled")
        keys = parse_keys(_field(await json_body(request, _MAX_BODY_BYTES), "keys"))
        answers = await self.pool.run(lambda: epoch.answer(Kind.PAGE, keys))
        return JSONResponse({"epoch_id": epoch.epoch_id, "pages": [to_hex(a) for a in answers]})

    async def query_batch(self, request: Request) -> Response:
        """`POST /query/batch`: up to 32 questions, in one slot."""
        epoch, queries = self.epoch, _field(await json_body(request, _MAX_BODY_BYTES), "queries")
        if not isinstance(queries, list) or not 1 <= len(queries) <= _MAX_BATCH:
            raise ValueError(f"queries must be a list of 1 to {_MAX_BATCH}")
        keys = [key for query in queries for key in parse_keys(_field(query, "keys"))]
        answers = await self.pool.run(lambda: epoch.answer(Kind.ROW, keys))
        payloads = [to_hex(answer) for answer in answers]
        results = [{"payloads": payloads[at : at + 3]} for at in range(0, len(payloads), 3)]
        return JSONResponse({"epoch_id": epoch.epoch_id, "results": results})

    async def admin_snapshot(self, request: Request) -> Response:
        """`POST /admin/snapshot`: load the next epoch; on any failure the old one stays."""
        check_token(self.settings, request.headers.get("authorization"))
        wanted = parse_request(await json_body(request, _MAX_BODY_BYTES))
        async with self._loading:
            current = self.epoch
            data = await fetch(self.settings, wanted.url)
            row_bytes = self.settings.row_size_bytes

            def load() -> Epoch:
                return make_epoch(
                    self.settings,
                    Matrix.from_bytes(data, row_bytes),
                    epoch_id=current.epoch_id + 1,
                    seeds=wanted.seeds,
                    block_number=wanted.block_number,
                    state_root=wanted.state_root,
                )

            self.serve(await asyncio.to_thread(load))
        return JSONResponse(self.epoch.describe())

    async def show_metrics(self, _: Request) -> Response:
        """`GET /metrics`."""
        return Response(
            generate_latest(self.metrics.registry), media_type="text/plain; version=0.0.4"
        )

    def guarded(self, handler: Handler) -> Handler:
        """Turn refusals into JSON with a reason, and count every answer."""

        @wraps(handler)
        async def answer(request: Request) -> Response:
            try:
                response = await handler(request)
            except HTTPException as error:
                response = _refusal(error.status_code, error.detail)
            except (AdminError, BodyError) as error:
                response = _refusal(error.status, str(error))
            except (WireError, MatrixError, ValueError) as error:
                response = _refusal(400, str(error))
            route = request.url.path
            self.metrics.requests.labels(route, str(response.status_code)).inc()
            return response

        return answer


def make_app(settings: ServerSettings) -> tuple[Starlette, Server]:
    """The ASGI app and its state. It answers 503 until `Server.serve` is called."""
    server = Server(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        server.pool.close()

    table: list[tuple[str, str, Handler]] = [
        ("GET", "/health", server.health),
        ("GET", "/epoch", server.describe),
        ("POST", "/query", server.query),
        ("POST", "/query/page", server.query_page),
        ("POST", "/query/batch", server.query_batch),
        ("GET", "/metrics", server.show_metrics),
        ("POST", "/admin/snapshot", server.admin_snapshot),
    ]
    routes = [
        Route(path, server.guarded(handler), methods=[method]) for method, path, handler in table
    ]
    return Starlette(routes=routes, lifespan=lifespan), server


def _field(document: object, name: str) -> object:
    if not isinstance(document, dict) or name not in document:
        raise ValueError(f"the body must be an object with {name}")
    return document[name]


def _refusal(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=status)
