"""The HTTP face of the server: routes, statuses, JSON. What they answer comes from `epoch`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import Any

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from morphogen_http.admission import Limits, OverloadedError
from morphogen_http.body import BodyBudget, BodyError
from morphogen_pir.matrix import Matrix, MatrixError
from morphogen_pir.wire import Kind, WireError, to_hex
from morphogen_server.admin import AdminError, check_token, fetch, parse_request
from morphogen_server.config import MAX_BATCH, ServerSettings
from morphogen_server.epoch import Epoch, make_epoch, parse_keys
from morphogen_server.metrics import Metrics
from morphogen_server.scans import CORES, ScanPool

_MAX_BODY_BYTES = 1024 * 1024
_MAX_BODIES_BYTES = 64 * 1024 * 1024

log = logging.getLogger("morphogen_server")
Handler = Callable[[Request], Awaitable[Response]]


class Server:
    """The state behind the routes: the epoch that is served, and the pool that scans it."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.pool = ScanPool(
            Limits(
                settings.max_concurrent_scans,
                settings.max_waiting,
                settings.queue_deadline_ms / 1000,
            ),
            self.metrics,
        )
        self._bodies = BodyBudget(_MAX_BODIES_BYTES)
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
        """`GET /health`: overloaded is not unhealthy, so the load stands beside the status."""
        epoch, admission = self.epoch, self.pool.admission
        load = {
            "in_flight": admission.in_flight,
            "waiting": admission.waiting,
            "refused": admission.refused,
        }
        return JSONResponse(
            {
                "status": "ok",
                "epoch_id": epoch.epoch_id,
                "block_number": epoch.block_number,
                "load": load,
            }
        )

    async def describe(self, _: Request) -> Response:
        """`GET /epoch`."""
        return JSONResponse(self.epoch.description)

    async def query(self, request: Request) -> Response:
        """`POST /query`: three rows."""
        keys = parse_keys(_field(await self._body(request), "keys"))
        epoch, answers = await self._answer(Kind.ROW, [keys])
        return JSONResponse(_stamped(epoch, {"payloads": answers[0]}))

    async def query_page(self, request: Request) -> Response:
        """`POST /query/page`: three pages."""
        document = await self._body(request)
        self._check_kind(Kind.PAGE)
        epoch, answers = await self._answer(Kind.PAGE, [parse_keys(_field(document, "keys"))])
        return JSONResponse(_stamped(epoch, {"pages": answers[0]}))

    async def query_batch(self, request: Request) -> Response:
        """`POST /query/batch`: up to 32 questions of one kind, which share one scan."""
        document = await self._body(request)
        queries = _field(document, "queries")
        if not isinstance(queries, list) or not 1 <= len(queries) <= MAX_BATCH:
            raise ValueError(f"queries must be a list of 1 to {MAX_BATCH}")
        kind, field = _kind_of(document)
        self._check_kind(kind)
        keys = [parse_keys(_field(query, "keys")) for query in queries]
        epoch, answers = await self._answer(kind, keys)
        return JSONResponse(_stamped(epoch, {"results": [{field: three} for three in answers]}))

    async def _body(self, request: Request) -> object:
        return await self._bodies.read(request, _MAX_BODY_BYTES)

    def _check_kind(self, kind: Kind) -> None:
        if kind is Kind.PAGE and self.epoch.pages is None:
            raise HTTPException(404, "page PIR is disabled")

    async def _answer(self, kind: Kind, keys: list[list[bytes]]) -> tuple[Epoch, list[list[str]]]:
        """The answers to questions of three keys each, and the epoch that all of them come from."""
        epoch = self.epoch
        flat = [key for three in keys for key in three]
        if epoch.is_quick(kind, len(flat)):
            # Handing it to a thread and back would take longer than the scan.
            answers = epoch.answer(kind, flat)
        else:
            shares = (flat[at : at + size] for at, size in _shares(len(flat), CORES))
            works = [partial(epoch.answer, kind, share) for share in shares]
            answers = await self.pool.run(works, len(keys))
        texts = [to_hex(answer) for answer in answers]
        return epoch, [texts[at : at + 3] for at in range(0, len(texts), 3)]

    async def admin_snapshot(self, request: Request) -> Response:
        """`POST /admin/snapshot`: load the next epoch; on any failure the old one stays."""
        check_token(self.settings, request.headers.get("authorization"))
        wanted = parse_request(await self._body(request))
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
        return JSONResponse(self.epoch.description)

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
            except OverloadedError as error:
                response = _refusal(503, str(error))
                response.headers["Retry-After"] = str(error.retry_after)
            except (AdminError, BodyError) as error:
                response = _refusal(error.status, str(error))
            except (WireError, MatrixError, ValueError) as error:
                response = _refusal(400, str(error))
            route = request.scope["path"]
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


def _shares(keys: int, cores: int) -> list[tuple[int, int]]:
    """Where the share of each core begins, and how long it is: whole eights, which share a pass."""
    size = -(-keys // (8 * cores)) * 8
    return [(at, size) for at in range(0, keys, size)]


def _kind_of(document: object) -> tuple[Kind, str]:
    """The kind of a batch, and what its answers are called."""
    kind = document.get("kind", "row") if isinstance(document, dict) else None
    if kind == "row":
        return Kind.ROW, "payloads"
    if kind == "page":
        return Kind.PAGE, "pages"
    raise ValueError("kind must be row or page")


def _stamped(epoch: Epoch, body: dict[str, Any]) -> dict[str, Any]:
    """An answer with what tells the epoch that it comes from, also from one with the same id."""
    return {"epoch_id": epoch.epoch_id, "fingerprint": epoch.fingerprint, **body}


def _field(document: object, name: str) -> object:
    if not isinstance(document, dict) or name not in document:
        raise ValueError(f"the body must be an object with {name}")
    return document[name]


def _refusal(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=status)
