"""Ready, or not and why."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from morphops.core.probes.agree import Agree
from morphops.core.probes.answers import Answers
from morphops.core.probes.checksum import Checksum
from morphops.core.probes.http import Http
from morphops.core.probes.question import Asked, Question
from morphops.core.probes.same import Same
from morphops.core.stack import Identity, Instance, Port, Running
from morphops.core.verify import health
from morphops.core.verify.reading import Reading
from morphops.errors import EngineCallFailed, GateFailed, Interrupted, MorphopsError
from morphops.operations.pipeline import gates
from tests.fakes import FakeTarget

SHA256 = hashlib.sha256(b"data").hexdigest()
CHECKSUM = Checksum(kind="checksum", document="d", file="file", bytes="bytes", sha256="sha256")
AGREE = Agree(
    kind="agree",
    services=("a", "b"),
    url="http://x/",
    fields={"epoch": "epoch", "rows": "rows"},
    document="d",
    matches={"rows": "rows"},
    show=("epoch",),
)


def container(**changes: Any) -> Instance:
    given = {"service": "api", "state": "running", "health": "healthy", **changes}
    return Instance(id="id", image=Identity("config", "x"), **given)


def at(documents: dict[str, Loaded]) -> ProbeContext:
    return ProbeContext(FakeTarget({}), "p", documents)


@pytest.mark.parametrize(
    ("change", "says", "details"),
    [
        (lambda path: None, "", ()),
        (
            lambda path: path.write_bytes(b"dat"),
            "{path} has 3 bytes, its manifest says 4",
            ("the file is truncated, or belongs to another manifest",),
        ),
        (
            lambda path: path.write_bytes(b"dada"),
            "{path} is not what its manifest says",
            (f"sha256 {hashlib.sha256(b'dada').hexdigest()}", f"manifest {SHA256}"),
        ),
        (lambda path: path.unlink(), "{path}: No such file or directory", ()),
    ],
)
def test_checksum(tmp_path: Path, change: Any, says: str, details: tuple[str, ...]) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"data")
    document = Loaded(tmp_path / "m.json", {"file": "data.bin", "bytes": 4, "sha256": SHA256})
    change(path)
    reading = probes.read(CHECKSUM, at({"d": document}))
    assert (reading.ready, reading.final) == (not says, bool(says))
    assert reading.details == details
    right = f"{path} is sha256:{SHA256[:12]}, as its manifest says"
    assert reading.reason == (says.format(path=path) or right)


@pytest.mark.parametrize(
    "said",
    [
        *({}, None, [], {"file": "data.bin"}),
        {"file": "data.bin", "bytes": "4", "sha256": SHA256},
        {"file": "data.bin", "bytes": 4, "sha256": None},
        {"file": 1, "bytes": 4, "sha256": SHA256},
    ],
)
def test_a_manifest_that_does_not_say_what_the_file_is(tmp_path: Path, said: Any) -> None:
    (tmp_path / "data.bin").write_bytes(b"data")
    reading = probes.read(CHECKSUM, at({"d": Loaded(tmp_path / "m.json", said)}))
    assert reading == Reading(
        False, f"{tmp_path}/m.json does not say file, size and sha256", final=True
    )


@pytest.mark.parametrize(
    ("b", "details"),
    [
        ({"seeds": [1, 2], "era": 0}, ()),
        ({"era": 0, "seeds": [1, 2], "more": 1}, ()),
        ({"seeds": [1, 3], "era": 0}, ("seeds: a says [1, 2]; b says [1, 3]",)),
        ({"seeds": [2, 1], "era": 0}, ("seeds: a says [1, 2]; b says [2, 1]",)),
        ({"seeds": [1, 2], "era": "0"}, ('era: a says 0; b says "0"',)),
        ({"seeds": [1, 2], "era": False}, ("era: a says 0; b says false",)),
        ({"seeds": [1, 3]}, ("seeds: a says [1, 2]; b says [1, 3]", "era: b does not say")),
        ({}, ("seeds: b does not say", "era: b does not say")),
        (None, ("seeds: b does not say", "era: b does not say")),
    ],
)
def test_same(b: Any, details: tuple[str, ...]) -> None:
    probe = Same(kind="same", documents=("a", "b"), fields={"seeds": "seeds", "era": "era"})
    said = {"a": Loaded(Path("a"), {"seeds": [1, 2], "era": 0}), "b": Loaded(Path("b"), b)}
    reading = probes.read(probe, at(said))
    assert (reading.ready, reading.final) == (not details, bool(details))
    assert reading.details == details
    assert reading.reason == ("a and b are not the same" if details else "a and b say the same")


def test_what_neither_document_says_is_not_the_same() -> None:
    probe = Same(kind="same", documents=("a", "b"), fields={"seeds": "seeds"})
    reading = probe.judge({"a": {}, "b": {}})
    assert reading.details == ("seeds: a, b does not say",)


@pytest.mark.parametrize(
    ("b", "says"),
    [
        ({"epoch": 1, "rows": 8}, ""),
        ({"epoch": 1, "rows": 8, "more": True}, ""),
        ({"epoch": 2, "rows": 8}, "epoch: a says 1; b says 2"),
        ({"epoch": 1, "rows": 9}, "rows: a says 8; b says 9"),
        ({"rows": 9}, "epoch: a says 1; b says null; rows: a says 8; b says 9"),
        ("down", "epoch: a says 1; b says null; rows: a says 8; b says null"),
        ({"epoch": "1", "rows": 8}, 'epoch: a says 1; b says "1"'),
    ],
)
def test_agree(b: Any, says: str) -> None:
    reading, fields = AGREE.judge({"a": {"epoch": 1, "rows": 8}, "b": b}, {"rows": 8})
    assert (reading.ready, reading.reason if says else "") == (not says, says)
    assert reading.details == tuple(part for part in _problems(says))
    assert not reading.final  # the next round may agree
    assert fields == {"epoch": 1, "rows": 8}
    if not says:
        assert reading.reason == "a and b agree: epoch 1"
        assert reading.facts == {"epoch": 1}


def _problems(says: str) -> list[str]:
    return [part for part in re.split(r"; (?=\w+: )", says) if part]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"rows": 8}, ""),
        ({"rows": 9}, "rows: served 8, the document says 9"),
        ({"rows": "8"}, 'rows: served 8, the document says "8"'),
        ({}, "rows: served 8, the document says null"),
        (None, ""),
    ],
)
def test_agreeing_on_what_the_document_says(document: Any, says: str) -> None:
    answer = {"epoch": 1, "rows": 8}
    reading, _ = AGREE.judge({"a": answer, "b": answer}, document)
    assert reading.reason == (says or "a and b agree: epoch 1")
    assert reading.ready == (not says)


def test_what_nobody_says_is_not_agreed_on() -> None:
    reading, _ = AGREE.judge({"a": {"rows": 8}, "b": {"rows": 8}}, {"rows": 8})
    assert (reading.ready, reading.reason) == (False, "epoch: a, b does not say")


def test_one_alone_is_compared_with_the_document() -> None:
    reading, _ = AGREE.judge({"a": {"epoch": 1, "rows": 8}}, {"rows": 8})
    assert (reading.ready, reading.facts) == (True, {"epoch": 1})


def test_a_signal_is_no_answer_that_is_missing() -> None:
    """Who is interrupted while a probe asks is interrupted, and does not ask on."""

    class Interrupting(FakeTarget):
        def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
            raise Interrupted("interrupted by SIGINT", signum=2)

    target = Interrupting({}, containers={"a": container(service="a")})
    with pytest.raises(Interrupted):
        probes.read(AGREE, ProbeContext(target, "shop", {"d": Loaded(Path("d"), {})}))


@dataclass
class Served(FakeTarget):
    """Services that answer a URL with what the next of their rounds says."""

    rounds: dict[str, list[Any]] = field(default_factory=dict)

    def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
        said = self.rounds[container.service]
        answer = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(answer, MorphopsError):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def round_(epoch: int) -> dict[str, int]:
    return {"epoch": epoch, "rows": 8}


DOWN = EngineCallFailed("x", detail=("connection refused",))


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ([round_(1)], [round_(1)], "a and b agree: epoch 1"),
        ([round_(1), round_(1), round_(2)], [round_(1)], "epoch: a says 2; b says 1"),
        ([round_(1), round_(2)], [round_(1), round_(2)], "the answers are still changing"),
        ([round_(1)], [round_(1), DOWN], "b does not answer http://x/"),
        ([b"<html>"], [round_(1)], "a answers http://x/ with something else than JSON"),
        ([round_(1)], [b"\xff"], "b answers http://x/ with something else than JSON"),
    ],
)
def test_agreeing_several_times_in_a_row(a: list[Any], b: list[Any], says: str) -> None:
    target = Served({}, rounds={"a": a, "b": b})
    target.containers = {name: container(service=name) for name in "ab"}
    world = ProbeContext(target, "p", {"d": Loaded(Path("d"), {"rows": 8})})
    reading = probes.read(AGREE, world)
    assert reading.reason == says
    assert reading.ready == ("agree" in says)
    assert reading.details == (("connection refused",) if "not answer" in says else reading.details)


def test_who_does_not_run_is_not_asked() -> None:
    target = Served({}, rounds={"a": [round_(1)], "b": [round_(1)]})
    target.containers = {name: container(service=name) for name in "ab"}
    world = ProbeContext(target, "p", {"d": Loaded(Path("d"), {"rows": 8})})
    assert probes.read(AGREE, world).ready
    target.becomes("b", state="exited")
    assert probes.read(AGREE, world) == Reading(False, "b does not run")
    del target.containers["a"]
    assert probes.read(AGREE, world) == Reading(False, "a does not run")


ASKED = tuple(Asked("balance", f"0x{n}", {}, f"0x{n}0") for n in range(1, 8))
RIGHT = [{"result": asked.expected} for asked in ASKED]
ERROR = {"error": {"code": -32000, "message": "the pair is unavailable"}}


def known(at_least: int) -> Answers:
    return Answers(
        kind="answers",
        service="s",
        port=1,
        document="d",
        rows="@",
        questions=(),
        at_least=at_least,
    )


def missed(number: int, got: str) -> str:
    return f"balance of 0x{number}: expected 0x{number}0, got {got}"


REFUSED = missed(1, "error -32000: the pair is unavailable")


@pytest.mark.parametrize(
    ("answers", "final", "details"),
    [
        ([{"result": "0x0"}, *RIGHT[1:]], True, (missed(1, "0x0"),)),
        ([{"result": None}, *RIGHT[1:]], True, (missed(1, "null"),)),
        ([{"result": {"a": 1}}, *RIGHT[1:]], True, (missed(1, '{"a": 1}'),)),
        ([ERROR, *RIGHT[1:]], False, (REFUSED,)),
        (["no answer within 1 s", *RIGHT[1:]], False, (missed(1, "no answer within 1 s"),)),
        ([{"error": "busy"}, *RIGHT[1:]], False, (missed(1, '{"error": "busy"}'),)),
        ([[], *RIGHT[1:]], False, (missed(1, "[]"),)),
        ([None, *RIGHT[1:]], False, (missed(1, "null"),)),
        # What is wrong comes first, for it decides.
        ([ERROR, {"result": "0x0"}, *RIGHT[2:]], True, (missed(2, "0x0"), REFUSED)),
        ([ERROR] * 5 + RIGHT[5:], False, 5),
        ([{"result": None}] * 6 + RIGHT[6:], True, "and 1 more"),
        ([{"result": None}] * 7, True, "and 2 more"),
        ([{"result": "0x" + "f" * 100}, *RIGHT[1:]], True, (missed(1, "0x" + "f" * 61 + "…"),)),
    ],
)
def test_answers_that_are_missed(answers: list[Any], final: bool, details: Any) -> None:
    reading = known(5).judge(ASKED, answers)
    assert (reading.ready, reading.final) == (False, final)
    count = sum(answer != right for answer, right in zip(answers, RIGHT, strict=True))
    assert reading.reason == f"{count} of 7 known answers were missed"
    if isinstance(details, tuple):
        assert reading.details == details
    elif isinstance(details, str):
        assert len(reading.details) == 6
        assert reading.details[-1] == details
    else:
        assert len(reading.details) == details


@pytest.mark.parametrize(
    ("at_least", "ready", "says"),
    [
        (0, True, "7 of 7 known answers are right"),
        (7, True, "7 of 7 known answers are right"),
        (8, False, "only 7 answers are known, 8 are needed"),
    ],
)
def test_too_few_known_answers_prove_nothing(at_least: int, ready: bool, says: str) -> None:
    assert known(at_least).judge(ASKED, RIGHT) == Reading(ready, says, final=not ready)


@pytest.mark.parametrize("answer", [{"result": None}, {"result": "0x0"}, ERROR])
def test_an_answer_that_the_document_does_not_know_proves_nothing(answer: Any) -> None:
    reading = known(1).judge([Asked("balance", "0x1", {}, None)], [answer])
    assert reading.details == ("balance of 0x1: the document does not say what is right",)
    assert reading.final


def test_questions_come_from_the_rows() -> None:
    question = Question(name="code", method="m", params=("{who}", "latest"), expect="c", when="c")
    probe = Answers(
        kind="answers", service="s", port=1, document="d", rows="rows", questions=(question,)
    )
    rows = {"rows": [{"who": "0x1", "c": "0xff"}, {"who": "0x2", "c": ""}]}
    (asked,) = probe.fill_in(rows)
    assert (asked.subject, asked.expected) == ("0x1", "0xff")
    assert asked.request == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "m",
        "params": ["0x1", "latest"],
    }
    assert probe.fill_in({}) == ()
    assert probe.fill_in({"rows": []}) == ()


def test_each_row_is_asked_every_question_that_applies() -> None:
    ask = [
        Question(name="a", method="a", params=(), expect="n"),
        Question(name="b", method="b", params=("{n}", 5, {"k": "{n}"}, "{n"), expect="n"),
    ]
    probe = Answers(
        kind="answers", service="s", port=1, document="d", rows="@", questions=tuple(ask)
    )
    asked = probe.fill_in([{"n": 1}, {"n": 2}])
    assert [(q.name, q.subject, q.expected, q.request["id"]) for q in asked] == [
        ("a", "", 1, 1),
        ("b", "1", 1, 2),
        ("a", "", 2, 3),
        ("b", "2", 2, 4),
    ]
    assert asked[3].request["params"] == [2, 5, {"k": "{n}"}, "{n"]


class Handler(BaseHTTPRequestHandler):
    """Answers as its path says: `/rpc` doubles a number, `/status/503/<body>` says so."""

    def do_GET(self) -> None:
        _, _, status, body = (unquote(self.path) + "//").split("/", 3)
        self.reply(int(status or 200), body.rstrip("/").encode())

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked: list[Any] = self.server.asked  # type: ignore[attr-defined]
        asked.append(request)
        doubled = {"jsonrpc": "2.0", "id": request["id"], "result": 2 * request["params"][0]}
        if self.path == "/error":
            return self.reply(200, b'{"error": {"code": -32000, "message": "no pair"}}')
        if self.path == "/rpc":
            return self.reply(200, json.dumps(doubled).encode())
        return self.reply(502, b"<html>bad gateway")

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
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


def test_http_of_a_port_that_is_not_published() -> None:
    here = world(1)
    probe = Http(kind="http", service="api", port=81)
    assert probes.read(probe, here) == Reading(False, "api publishes no port 81")
    here.target.containers["api"] = container(state="exited")  # type: ignore[attr-defined]
    assert probes.read(probe, here) == Reading(False, "api does not run")


class Clock:
    """Time that passes only in sleep."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Waited:
    """How a wait went."""

    clock: Clock = field(default_factory=Clock)
    said: list[str] = field(default_factory=list)
    looks: int = 0

    def wait(self, *readings: Reading, deadline: float = 2.0, interval: float = 0.5) -> Reading:
        def look() -> Reading:
            self.looks += 1
            return readings[min(self.looks, len(readings)) - 1]

        return gates.await_ready(
            "p",
            look,
            deadline,
            interval,
            self.said.append,
            clock=self.clock,
            sleep=self.clock.sleep,
        )


STARTING, THERE = Reading(False, "starting", ("a detail",)), Reading(True, "there")


def test_waiting_tells_each_reason_once_per_change() -> None:
    waited, almost = Waited(), Reading(False, "almost")
    found = waited.wait(STARTING, STARTING, almost, STARTING, THERE, deadline=9)
    assert found is THERE
    assert waited.said == ["p: starting", "p: almost", "p: starting"]
    assert (waited.looks, waited.clock.now) == (5, 2.0)


def test_what_is_ready_is_not_waited_for() -> None:
    waited = Waited()
    assert waited.wait(THERE, deadline=0) is THERE
    assert (waited.looks, waited.said, waited.clock.now) == (1, [], 0)


def test_waiting_ends_at_the_deadline() -> None:
    waited = Waited()
    with pytest.raises(GateFailed) as caught:
        waited.wait(STARTING)
    assert caught.value.message() == "probe p did not pass within 2 s: starting\n  a detail"
    # The last look is at the deadline; none comes after it.
    assert (waited.looks, waited.clock.now) == (5, 2.0)


def test_the_last_reason_counts() -> None:
    with pytest.raises(GateFailed, match=r"within 1\.5 s: almost$"):
        Waited().wait(STARTING, Reading(False, "almost"), deadline=1.5)


def test_waiting_in_vain_ends_at_once() -> None:
    waited = Waited()
    with pytest.raises(GateFailed, match=r"^probe p did not pass: wrong$"):
        waited.wait(STARTING, Reading(False, "wrong", final=True), deadline=60)
    assert (waited.looks, waited.clock.now) == (2, 0.5)


@pytest.mark.parametrize("interval", [0, 0.5])
def test_without_a_deadline_there_is_one_look(interval: float) -> None:
    waited = Waited()
    with pytest.raises(GateFailed, match=r"^probe p did not pass: starting$"):
        waited.wait(STARTING, STARTING, THERE, deadline=0, interval=interval)
    assert waited.looks == 1


def test_a_probe_is_run_with_its_own_deadline(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"data")
    said = {"file": "data.bin", "bytes": 4, "sha256": SHA256}
    here = ProbeContext(FakeTarget({}), "p", {"d": Loaded(tmp_path / "m.json", said)})
    assert gates.run("data", CHECKSUM, here, pytest.fail).ready
    said["bytes"] = 5
    with pytest.raises(GateFailed, match=r"probe data did not pass: .* its manifest says 5"):
        gates.run("data", CHECKSUM, here, pytest.fail)
    http = Http(kind="http", service="api", port=80, deadline=0)
    with pytest.raises(GateFailed, match="probe up did not pass: api does not run"):
        gates.run("up", http, here, pytest.fail)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),
        ("::", "http://127.0.0.1:9"),
        ("127.0.0.2", "http://127.0.0.2:9"),
        ("10.0.0.1", "http://10.0.0.1:9"),
        ("::1", "http://[::1]:9"),
    ],
)
def test_where_a_port_is_published(host: str, url: str) -> None:
    ports = (Port("127.0.0.1", 7, 79), Port(host, 8, 80, "udp"), Port(host, 9, 80))
    running = Running((container(state="exited"), container(ports=ports)))
    assert published(running, "api", 80) == (url, "")
    assert published(running, "api", 81) == ("", "api publishes no port 81")
    assert published(running, "web", 80) == ("", "web does not run")


@pytest.mark.parametrize(
    ("changes", "ready", "final", "says"),
    [
        ({}, True, False, "healthy: api"),
        ({"health": "none"}, True, False, "healthy: api"),
        ({"health": "starting", "health_output": "503\n"}, False, False, "api is starting: 503"),
        ({"health": "unhealthy"}, False, True, "api is unhealthy"),
        ({"state": "exited", "exit_code": 3}, False, True, "api exited with 3"),
        (
            {"state": "restarting", "restarts": 1, "exit_code": 1},
            False,
            False,
            "ends and is started again (once, exit 1)",
        ),
        (
            {"state": "restarting", "restarts": 2},
            False,
            True,
            "ends and is started again (2 times, exit 0)",
        ),
        (  # how it ended is forgotten by then: 0 would be of the one that runs
            {"health": "starting", "restarts": 1},
            False,
            False,
            "ends and is started again (once)",
        ),
    ],
)
def test_health(changes: dict[str, Any], ready: bool, final: bool, says: str) -> None:
    reading = health.read(Running((container(**changes),)), ("api",))
    assert (reading.ready, reading.final) == (ready, final)
    assert says in reading.reason


def test_health_of_what_is_not_there() -> None:
    assert health.read(Running(), ("api",)).reason == "api has no container yet"
