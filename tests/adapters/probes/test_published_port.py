"""Services are asked through published ports."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from morphops.adapters import probes
from morphops.adapters.probes import ProbeContext
from morphops.adapters.probes.published_port import direct_session, post, published
from morphops.core.bundle.documents import Loaded
from morphops.core.probes.answers import Answers
from morphops.core.probes.http import Http
from morphops.core.probes.question import Question
from morphops.core.stack import Instance, Port
from morphops.core.verify.reading import Reading
from tests.fakes import FakeTarget
from tests.samples.probes import container


class Handler(BaseHTTPRequestHandler):
    """Answers as its path says: `/rpc` doubles a number, `/status/503/<body>` says so."""

    def do_GET(self) -> None:
        if self.path == "/host":
            return self.reply(200, json.dumps({"host": self.headers["Host"]}).encode())
        if self.path == "/long":
            return self.reply(200, b"x" * 5_000_000)
        if self.path.startswith("/moved"):
            return self.reply(301, b"", location="/status/200")
        _, _, status, body = (unquote(self.path) + "//").split("/", 3)
        return self.reply(int(status or 200), body.rstrip("/").encode())

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked: list[Any] = self.server.asked  # type: ignore[attr-defined]
        asked.append(request)
        doubled = {"jsonrpc": "2.0", "id": request["id"], "result": 2 * request["params"][0]}
        if self.path == "/error":
            return self.reply(200, b'{"error": {"code": -32000, "message": "no pair"}}')
        if self.path == "/moved":
            return self.reply(302, b"", location="http://elsewhere.invalid/")
        if self.path == "/rpc":
            return self.reply(200, json.dumps(doubled).encode())
        return self.reply(502, b"<html>bad gateway")

    def reply(self, status: int, body: bytes, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    # A proxy of the shell must not be asked for what is on loopback.
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def world(port: int, rows: Any = ()) -> ProbeContext:
    target = FakeTarget({})
    target.containers["api"] = container(ports=(Port("", port, 80),))
    return ProbeContext(target, "p", {"d": Loaded(Path("d"), {"rows": rows})})


def doubles(**changes: Any) -> Answers:
    question = Question(name="double", method="double", params=("{n}",), expect="double")
    given = {"service": "api", "port": 80, "path": "/rpc", "at_least": 2, "timeout": 5, **changes}
    return Answers(kind="answers", document="d", rows="rows", questions=(question,), **given)


ROWS = [{"n": 1, "double": 2}, {"n": 2, "double": 4}, {"n": 3, "double": 6}]


def test_answers_over_http(server: HTTPServer) -> None:
    here = world(server.server_port, ROWS)
    assert probes.read(doubles(), here).reason == "3 of 3 known answers are right"
    assert [q["params"] for q in server.asked] == [[1], [2], [3]]  # type: ignore[attr-defined]
    wrong = probes.read(doubles(), world(server.server_port, [*ROWS, {"n": 4, "double": 9}]))
    assert wrong.details == ("double of 4: expected 9, got 8",)
    assert wrong.final
    assert probes.read(doubles(service="web"), here) == Reading(False, "web does not run")
    none = Reading(False, "api publishes no port 81")
    assert probes.read(doubles(port=81), here) == none


def test_who_does_not_answer_is_not_asked_on(server: HTTPServer) -> None:
    reading = probes.read(doubles(path="/other"), world(server.server_port, ROWS))
    assert not reading.final
    assert reading.reason == "3 of 3 known answers were missed"
    assert reading.details == (
        "double of 1: expected 2, got HTTP 502 and no JSON",
        "double of 2 was not asked any more",
        "double of 3 was not asked any more",
    )
    assert len(server.asked) == 1  # type: ignore[attr-defined]


def test_who_errs_again_and_again_is_not_asked_on(server: HTTPServer) -> None:
    """A pair that is away lets each question wait; five say it as well as fifty."""
    rows = [{"n": n, "double": 2 * n} for n in range(50)]
    reading = probes.read(doubles(path="/error"), world(server.server_port, rows))
    assert not reading.final
    assert reading.reason == "50 of 50 known answers were missed"
    assert reading.details[0] == "double of 0: expected 0, got error -32000: no pair"
    assert len(server.asked) == 5  # type: ignore[attr-defined]


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_nobody_is_there() -> None:
    port = closed_port()
    reading = probes.read(doubles(), world(port, ROWS))
    assert reading.details[0] == "double of 1: expected 2, got no answer (ConnectionError)"
    assert not reading.final
    http = Http(kind="http", service="api", port=80)
    assert probes.read(http, world(port)) == Reading(False, "api does not answer (ConnectionError)")


def test_an_answer_that_does_not_come_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with direct_session() as session:
            assert post(session, url, {}, 0.05) == "no answer within 0.05 s"


def test_a_url_that_is_none() -> None:
    assert post(requests.Session(), "http://[::/", {}, 1) == "no answer (InvalidURL)"


@pytest.mark.parametrize(
    ("path", "expects", "says"),
    [
        ("/status/200", {}, "api answers HTTP 200"),
        ("/status/204", {"status": 204}, "api answers HTTP 204"),
        ("/status/503", {"status": 503}, "api answers HTTP 503"),
        ("/status/503", {}, "api answers HTTP 503"),
        ('/status/200/{"ok":true}', {"expect": "ok"}, "api answers HTTP 200"),
        ('/status/200/{"ok":1}', {"expect": "ok"}, 'api: ok is not true of {"ok": 1}'),
        ("/status/200/{}", {"expect": "ok"}, "api: ok is not true of {}"),
        ("/status/200/hi", {"expect": "ok"}, "api answers with something else than JSON"),
    ],
)
def test_http(server: HTTPServer, path: str, expects: dict[str, Any], says: str) -> None:
    probe = Http(kind="http", service="api", port=80, path=path, **expects)
    reading = probes.read(probe, world(server.server_port))
    assert reading.reason == says
    assert reading.ready == (says == f"api answers HTTP {probe.status}")
    assert not reading.final


@pytest.mark.parametrize(
    ("keys", "says", "ready"),
    [
        ({"path": "/moved", "status": 301}, "api answers HTTP 301", True),
        (
            {"path": "/moved"},
            "api answers HTTP 301, which redirects to /status/200",
            False,
        ),
        (
            {
                "path": "/host",
                "headers": {"Host": "shop.example"},
                "expect": "host=='shop.example'",
            },
            "api answers HTTP 200",
            True,
        ),
        ({"path": "/long"}, "api does not answer in 4194304 bytes", False),
    ],
)
def test_the_first_answer_is_judged(
    server: HTTPServer, keys: dict[str, Any], says: str, ready: bool
) -> None:
    probe = Http(kind="http", service="api", port=80, **keys)
    reading = probes.read(probe, world(server.server_port))
    assert (reading.reason, reading.ready) == (says, ready)


def test_a_question_that_is_redirected_is_not_answered(server: HTTPServer) -> None:
    reading = probes.read(doubles(path="/moved"), world(server.server_port, ROWS))
    assert reading.details[0].endswith("got HTTP 302, which redirects to http://elsewhere.invalid/")


def test_an_answer_that_comes_byte_by_byte_does_not_hold_us() -> None:
    """Each byte comes within its time, and the whole never does."""
    done = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while not done.wait(0.01):
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=drip, args=(listener,), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with direct_session() as session:
            assert post(session, url, {}, 0.3) == "no answer within 0.3 s"
        done.set()


@pytest.mark.parametrize(
    ("keys", "finding"),
    [
        ({"path": "health"}, "path: 'health' does not begin with /"),
        ({"path": "/a\nb"}, "path: '/a\\nb' does not begin with /"),
        ({"headers": {"Ho st": "x"}}, "headers/Ho st: a name of letters"),
        ({"headers": {"Host": "x\r\nY: z"}}, "headers/Host: a name of letters"),
        ({"headers": {"X-A": "1", "Host": "shop.example"}}, ""),
    ],
)
def test_what_cannot_be_sent_is_a_finding(keys: dict[str, Any], finding: str) -> None:
    for probe in (Http(kind="http", service="api", port=80, **keys), doubles(**keys)):
        found = probe.own_findings()
        assert finding in "".join(found)
        assert bool(found) == bool(finding)


def test_http_of_a_port_that_is_not_published() -> None:
    here = world(1)
    probe = Http(kind="http", service="api", port=81)
    assert probes.read(probe, here) == Reading(False, "api publishes no port 81")
    here.target.containers["api"] = container(state="exited")  # type: ignore[attr-defined]
    assert probes.read(probe, here) == Reading(False, "api does not run")


class Elsewhere(FakeTarget):
    """An engine on another machine."""

    def published_at(self, container: Instance, port: int) -> str:
        return container.published_at(port, "engine.example")


@pytest.mark.parametrize(
    ("target", "url"),
    [(FakeTarget({}), "http://127.0.0.1:9"), (Elsewhere({}), "http://engine.example:9")],
)
def test_the_platform_says_where_a_port_is_reached(target: FakeTarget, url: str) -> None:
    target.containers["api"] = container(ports=(Port("0.0.0.0", 9, 80),))
    context = ProbeContext(target, "p", {})
    assert published(context, "api", 80) == (url, "")
    assert published(context, "api", 81) == ("", "api publishes no port 81")
    assert published(context, "web", 80) == ("", "web does not run")
    assert published(replace(context, slot="blue"), "api", 80) == ("", "api does not run")
