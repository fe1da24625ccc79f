"""The server's routes, in process and as a real process."""

import asyncio
import errno
import hashlib
import json
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import Starter
from harness import PATIENCE_SECONDS, Process

from morphogen_pir.dpf import split
from morphogen_pir.manifest import Manifest
from morphogen_pir.matrix import Matrix, xor
from morphogen_pir.prg import BUILT_IN_KEYS, PrgKeys
from morphogen_pir.wire import Kind, encode_keys, from_hex, to_hex
from morphogen_server.app import Server, make_app
from morphogen_server.config import ServerSettings
from morphogen_server.epoch import load_matrix, make_epoch

# Too large for a scan beside the event loop: each has to go to a thread.
LARGE: dict[str, Any] = {"matrix_size_bytes": 2**20, "page_domain_bits": 15}
PAGE_KEYS = PrgKeys(b"\x01" * 16, b"\x02" * 16)
ROWS = 300


def settings(**changes: Any) -> ServerSettings:
    base: dict[str, Any] = {
        "environment": "dev",
        "allow_synthetic_matrix": True,
        "matrix_size_bytes": ROWS * 32,
        "row_size_bytes": 32,
        "page_domain_bits": 9,
        "page_prg_key_0": PAGE_KEYS.left,
        "page_prg_key_1": PAGE_KEYS.right,
    }
    return ServerSettings(**base | changes)


@asynccontextmanager
async def serving(**changes: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Server]]:
    app, server = make_app(settings(**changes))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        assert (await client.get("/health")).status_code == 503
        assert (await client.get("/epoch")).status_code == 503
        server.serve(make_epoch(server.settings, load_matrix(server.settings)))
        yield client, server
    server.pool.close()


def questions(
    places: list[int], kind: Kind = Kind.ROW, keys: PrgKeys = BUILT_IN_KEYS, bits: int = 9
) -> list[list[str]]:
    """The three keys for each party."""
    return [
        [to_hex(key) for key in encode_keys(kind, keys, half)] for half in split(keys, bits, places)
    ]


def rows(answers: list[list[str]]) -> list[bytes]:
    return [xor(from_hex(a), from_hex(b)) for a, b in zip(*answers, strict=True)]


def test_queries_answer_rows() -> None:
    async def check() -> None:
        async with serving() as (client, server):
            matrix = server.epoch.matrix
            places = [0, 7, ROWS - 1]
            answers = []
            for keys in questions(places):
                response = await client.post("/query", json={"keys": keys})
                assert response.status_code == 200
                assert set(response.json()) == {"epoch_id", "fingerprint", "payloads"}
                answers.append(response.json()["payloads"])
            assert rows(answers) == [matrix.row(place) for place in places]

            batches = []
            for keys in questions(places):
                body = {"queries": [{"keys": keys}, {"keys": keys[::-1]}]}
                results = (await client.post("/query/batch", json=body)).json()["results"]
                batches.append([payload for r in results for payload in r["payloads"]])
            both = places + places[::-1]
            assert rows(batches) == [matrix.row(place) for place in both]

            pages = []
            for keys in questions(places, Kind.PAGE, PAGE_KEYS):
                body = {"kind": "page", "queries": [{"keys": keys}]}
                answer = (await client.post("/query/batch", json=body)).json()
                assert answer["fingerprint"] == server.epoch.fingerprint
                pages.append(answer["results"][0]["pages"])
            assert rows(pages) == [matrix.row(place) for place in places]

    asyncio.run(check())


def test_page_queries_answer_pages() -> None:
    async def check() -> None:
        async with serving(page_rows_per_page=7) as (client, server):
            epoch = (await client.get("/epoch")).json()
            assert epoch["page_pir"] == {
                "domain_bits": 9,
                "rows_per_page": 7,
                "num_pages": 43,
                "prg_keys": ["0x" + "01" * 16, "0x" + "02" * 16],
            }
            answers = []
            for keys in questions([0, 3, 42], Kind.PAGE, PAGE_KEYS):
                response = await client.post("/query/page", json={"keys": keys})
                assert set(response.json()) == {"epoch_id", "fingerprint", "pages"}
                answers.append(response.json()["pages"])
            matrix = server.epoch.matrix
            pages = [
                b"".join(matrix.row(i) for i in range(p, min(p + 7, ROWS))) for p in (0, 21, 294)
            ]
            assert rows(answers) == [page.ljust(7 * 32, b"\0") for page in pages]

    asyncio.run(check())


def test_bad_questions_are_400() -> None:
    good = questions([1, 2, 3])[0]
    page = questions([1, 2, 3], Kind.PAGE, PAGE_KEYS)[0]
    other = questions([1, 2, 3], Kind.PAGE, BUILT_IN_KEYS)[0]
    bad: list[tuple[str, Any, str]] = [
        ("/query", {}, "keys"),
        ("/query", [], "keys"),
        ("/query", {"keys": good[:2]}, "three"),
        ("/query", {"keys": [*good[:2], "0x00"]}, "short"),
        ("/query", {"keys": [*good[:2], good[2][2:]]}, "keys/2 is not 0x-prefixed"),
        ("/query", {"keys": [*good[:2], None]}, "keys/2"),
        ("/query", {"keys": questions([1, 2, 3], bits=10)[0]}, "domain of 10 bits"),
        ("/query", {"keys": page}, "another kind"),
        ("/query/page", {"keys": good}, "another kind"),
        ("/query/page", {"keys": other}, "other PRG keys"),
        ("/query/batch", {"queries": []}, "1 to 32"),
        ("/query/batch", {"kind": "book", "queries": [{"keys": good}]}, "kind must be"),
        ("/query/batch", {"kind": "page", "queries": [{"keys": good}]}, "another kind"),
        ("/query/batch", {"queries": [{"keys": good}] * 33}, "1 to 32"),
        ("/query/batch", {"queries": [{"keys": good}, {}]}, "keys"),
    ]

    async def check() -> None:
        async with serving() as (client, _):
            for path, body, reason in bad:
                response = await client.post(path, json=body)
                assert response.status_code == 400, (path, reason)
                assert reason in response.json()["error"]
            for raw in (b"", b"{", b"\xff", b"[" * 100_000):
                assert (await client.post("/query", content=raw)).status_code == 400
            large = await client.post("/query", content=b" " * 2**21)
            assert large.status_code == 413
            assert (await client.get("/query")).status_code == 405
            assert (await client.get("/nope")).status_code == 404

    asyncio.run(check())


def test_page_pir_can_be_disabled() -> None:
    async def check() -> None:
        async with serving(disable_page_pir=True) as (client, _):
            assert "page_pir" not in (await client.get("/epoch")).json()
            keys = questions([1, 2, 3], Kind.PAGE, PAGE_KEYS)[0]
            assert (await client.post("/query/page", json={"keys": keys})).status_code == 404
            batch = {"kind": "page", "queries": [{"keys": keys}]}
            assert (await client.post("/query/batch", json=batch)).status_code == 404

    asyncio.run(check())


class HeldScans:
    """Scans that do not end before they may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_go, self.started = threading.Event(), threading.Event()
        self.running = self.most = self.count = 0
        self._lock = threading.Lock()
        self._scan = Matrix.scan
        monkeypatch.setattr(Matrix, "scan", lambda matrix, bits: self._held(matrix, bits))

    def _held(self, matrix: Matrix, bits: Any) -> list[bytes]:
        with self._lock:
            self.count += 1
            self.running += 1
            self.most = max(self.most, self.running)
        self.started.set()
        assert self.may_go.wait(PATIENCE_SECONDS)
        with self._lock:
            self.running -= 1
        return self._scan(matrix, bits)


async def until_metric(client: httpx.AsyncClient, line: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line not in (await client.get("/metrics")).text:
            await asyncio.sleep(0.005)


def test_scans_beyond_the_limit_wait_and_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    held = HeldScans(monkeypatch)
    patient = {"max_concurrent_scans": 2, "queue_deadline_ms": 60_000}

    async def check() -> None:
        async with serving(**LARGE, **patient) as (client, _):
            keys = questions([1, 2, 3], bits=15)[0]
            asked = [
                asyncio.create_task(client.post("/query", json={"keys": keys})) for _ in "12345"
            ]
            await until_metric(client, "morphogen_server_scans_running 2.0")
            await until_metric(client, "morphogen_server_scans_waiting 3.0")
            # The event loop is not held up by any of it: overloaded is not unhealthy.
            health = await client.get("/health")
            assert health.status_code == 200
            assert health.json()["load"] == {"in_flight": 2, "waiting": 3, "refused": 0}
            assert not any(task.done() for task in asked)
            held.may_go.set()
            answers = await asyncio.gather(*asked)
            assert {answer.status_code for answer in answers} == {200}
            assert held.most == 2
            await until_metric(client, "morphogen_server_scans_running 0.0")
            line = 'morphogen_server_requests_total{route="/query",status="200"} 5.0'
            await until_metric(client, line)

    asyncio.run(check())


def test_what_waits_has_a_bound_and_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch counts as its parts: 32 wait, so not one question more may."""
    held = HeldScans(monkeypatch)

    async def check() -> None:
        limits = {"max_concurrent_scans": 1, "max_waiting": 32, "queue_deadline_ms": 60_000}
        async with serving(**LARGE, **limits) as (client, _):
            one = {"keys": questions([1, 2, 3], bits=15)[0]}
            asked = [asyncio.create_task(client.post("/query", json=one))]
            await until_metric(client, "morphogen_server_scans_running 1.0")
            batch = {"queries": [one] * 32}
            asked.append(asyncio.create_task(client.post("/query/batch", json=batch)))
            await until_metric(client, "morphogen_server_scans_waiting 32.0")
            refused = await client.post("/query", json=one)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert (await client.get("/health")).json()["load"]["refused"] == 1
            held.may_go.set()
            assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200, 200]
        held.may_go.clear()
        async with serving(**LARGE, max_concurrent_scans=1, queue_deadline_ms=1) as (client, _):
            first = asyncio.create_task(client.post("/query", json=one))
            await until_metric(client, "morphogen_server_scans_running 1.0")
            late = await client.post("/query", json=one)
            assert (late.status_code, late.json()["error"]) == (
                503,
                "the turn did not come in time",
            )
            held.may_go.set()
            assert (await first).status_code == 200

    asyncio.run(check())


def test_a_request_sees_one_epoch_from_start_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that is swapped in during a scan does not mix with it."""

    async def check() -> None:
        async with serving(**LARGE) as (client, server):
            old = server.epoch
            keys = questions([1, 2, 3], bits=15)
            first = (await client.post("/query", json={"keys": keys[0]})).json()
            held = HeldScans(monkeypatch)
            task = asyncio.create_task(client.post("/query", json={"keys": keys[1]}))
            await asyncio.to_thread(held.started.wait, PATIENCE_SECONDS)
            # Another snapshot under the same number, as after a restart.
            other = Matrix.synthetic(2**20, 32, seed=99)
            server.serve(make_epoch(server.settings, other, epoch_id=0))
            held.may_go.set()
            second = (await task).json()
            assert first["fingerprint"] == second["fingerprint"] == old.fingerprint
            assert server.epoch.fingerprint != old.fingerprint
            assert rows([first["payloads"], second["payloads"]])[0] == old.matrix.row(1)

    asyncio.run(check())


def test_epoch_says_what_the_manifest_says(server: Process, manifest: Manifest) -> None:
    epoch = server.get("/epoch").json()
    assert epoch["num_rows"] == manifest.rows
    assert epoch["seeds"] == manifest.seeds
    assert epoch["block_number"] == manifest.block_number
    assert epoch["state_root"] == manifest.state_root
    assert epoch["page_pir"]["domain_bits"] == manifest.page.domain_bits
    assert epoch["page_pir"]["rows_per_page"] == manifest.page.rows_per_page
    assert epoch["page_pir"]["num_pages"] == manifest.rows
    health = server.get("/health").json()
    load = {"in_flight": 0, "waiting": 0, "refused": 0}
    assert health == {
        "status": "ok",
        "epoch_id": 0,
        "block_number": manifest.block_number,
        "load": load,
    }
    assert f"morphogen_server_num_rows {manifest.rows:.1f}" in server.get("/metrics").text
    assert server.post("/admin/snapshot", {"url": "file:///x"}).status_code == 403


def test_sigterm_drains_what_is_in_flight_and_exits_zero(starter: Starter) -> None:
    """The body of a request is held back until after the signal; the answer still comes."""
    server = starter.server()
    keys = questions([1, 2, 3])[0]
    body = json.dumps({"keys": keys}).encode()
    with socket.create_connection(server.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(
            b"POST /query HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        # Only now is it in flight: the service asks for the body.
        assert receive_head(connection).startswith(b"HTTP/1.1 100 ")
        server.signal(signal.SIGTERM)
        # The listener is closed once the drain has begun.
        server.wait_for(lambda: refuses(server.address))
        connection.sendall(body)
        response = HTTPResponse(connection)
        response.begin()
        answer = json.load(response)
    assert response.status == 200
    assert len(answer["payloads"]) == 3
    assert server.wait() == 0
    assert "Traceback" not in server.log


def receive_head(connection: socket.socket) -> bytes:
    """What stands before the empty line, and not one byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"closed after {head!r}"
        head += byte
    return head


def refuses(address: tuple[str, int]) -> bool:
    """Whether nobody listens; a connection that is taken and then closed is no refusal yet."""
    with socket.socket() as probe:
        return probe.connect_ex(address) == errno.ECONNREFUSED


def test_sigint_and_an_idle_server_exit_zero_too(starter: Starter) -> None:
    server = starter.server()
    server.signal(signal.SIGINT)
    assert server.wait() == 0


Admin = Callable[..., Any]


def test_admin_needs_the_token() -> None:
    async def check() -> None:
        async with serving() as (client, _):
            answer = await client.post("/admin/snapshot", headers={"Authorization": "Bearer "})
            assert answer.status_code == 403
        async with serving(admin_bearer_token="right") as (client, _):
            for wrong in ("", "right", "Bearer", "Bearer wrong", "Bearer right ", "bearer right"):
                answer = await client.post("/admin/snapshot", headers={"Authorization": wrong})
                assert (answer.status_code, wrong) == (401, wrong)
            assert (await client.post("/admin/snapshot")).status_code == 401

    asyncio.run(check())


def test_admin_loads_the_next_epoch_or_keeps_the_old(tmp_path: Path) -> None:
    data = os.urandom(100 * 32)
    good, odd, large = tmp_path / "good", tmp_path / "odd", tmp_path / "large"
    good.write_bytes(data)
    odd.write_bytes(b"x" * 33)
    large.write_bytes(bytes(2**16))
    token = {"Authorization": "Bearer right"}

    async def check() -> None:
        async with serving(
            admin_bearer_token="right",
            admin_allow_local_snapshot=True,
            admin_snapshot_max_bytes=2**15,
            page_domain_bits=9,
        ) as (client, server):

            async def load(**body: Any) -> httpx.Response:
                return await client.post("/admin/snapshot", json=body, headers=token)

            refused = [
                (400, {}),
                (400, {"url": good.as_uri(), "colour": 1}),
                (400, {"url": good.as_uri(), "seeds": [1]}),
                (400, {"url": good.as_uri(), "state_root": "0x1"}),
                (400, {"url": "ftp://x/y"}),
                (400, {"url": odd.as_uri()}),
                (403, {"url": "http://127.0.0.1:9/x"}),
                (413, {"url": large.as_uri()}),
                (502, {"url": (tmp_path / "nope").as_uri()}),
            ]
            for status, body in refused:
                assert (await load(**body)).status_code == status, body
            assert server.epoch.epoch_id == 0
            answer = await load(
                url=good.as_uri(), seeds=[7, 8, 9], block_number=5, state_root="0x" + "ab" * 32
            )
            assert answer.status_code == 200
            epoch = (await client.get("/epoch")).json()
            assert (epoch["epoch_id"], epoch["num_rows"], epoch["seeds"]) == (1, 100, [7, 8, 9])
            assert (epoch["block_number"], epoch["state_root"]) == (5, "0x" + "ab" * 32)
            digest = hashlib.sha256(server.epoch.matrix.words.tobytes()).digest()
            assert digest == hashlib.sha256(data).digest()

    asyncio.run(check())


def test_admin_fetches_from_allowed_hosts_and_follows_nothing(code_host: Any) -> None:
    code_host.replaced["/next"] = bytes(64)
    host = code_host.url.removeprefix("http://")
    token = {"Authorization": "Bearer right"}

    async def check() -> None:
        async with serving(admin_bearer_token="right", admin_snapshot_allowed_hosts=host) as (
            client,
            server,
        ):
            body = {"url": code_host.url + "/next"}
            assert (await client.post("/admin/snapshot", json=body, headers=token)).is_success
            assert server.epoch.matrix.num_rows == 2
            code_host.redirects["/moved"] = "/next"
            for path in ("/nothing-here", "/moved"):
                body = {"url": code_host.url + path}
                answer = await client.post("/admin/snapshot", json=body, headers=token)
                assert answer.status_code == 502
            assert server.epoch.epoch_id == 1

    asyncio.run(check())
