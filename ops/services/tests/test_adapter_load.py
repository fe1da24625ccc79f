"""The adapter with too much to do, or with a server that fails: gates hold and release."""

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import Starter
from gates import Gate, Seen
from harness import HTTP, PATIENCE_SECONDS, FakeUpstream, Process

from morphogen_pir.manifest import KnownAccount, Manifest, Source
from morphogen_snapshot.build import Options, build
from morphogen_snapshot.genesis import Genesis

UNKNOWN = "0x" + "ab" * 20
PATIENT = ("--queue-deadline=3600", "--read-budget=3600")
StartAdapter = Callable[..., Process]


@pytest.fixture
def gate(pair: tuple[str, str]) -> Iterator[Gate]:
    """Before server A."""
    with Gate(pair[0]) as gate:
        yield gate


@pytest.fixture
def known(manifest: Manifest) -> KnownAccount:
    return next(known for known in manifest.known_accounts if known.balance != "0x0")


def calls(count: int, address: str = UNKNOWN) -> list[dict[str, Any]]:
    one = {"jsonrpc": "2.0", "method": "eth_getBalance", "params": [address, "latest"]}
    return [one | {"id": number} for number in range(count)]


def metric(adapter: Process, line: str) -> bool:
    return f"morphogen_rpc_adapter_{line}" in adapter.get("/metrics").text


def test_a_full_queue_refuses_at_once_and_stays_healthy(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter, known: KnownAccount
) -> None:
    adapter = start_adapter(gate.url, pair[1], "--max-in-flight=1", *PATIENT)
    adapter.wait_healthy()
    gate.holds = 1
    with ThreadPoolExecutor() as clients:
        first = clients.submit(adapter.rpc, "eth_getBalance", known.address)
        assert gate.held.acquire(timeout=PATIENCE_SECONDS)
        # A batch counts as its parts, so this one fills the queue.
        second = clients.submit(adapter.post, "/", calls(100, known.address))
        adapter.wait_for(lambda: metric(adapter, 'waiting{lane="public"} 100.0'))
        for document in (calls(1)[0], calls(2)):
            refused = adapter.post("/", document)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            error = refused.json()
            assert error["error"]["code"] == -32005
            assert error["id"] == (0 if isinstance(document, dict) else None)
        # Overloaded is not unhealthy.
        health = adapter.get("/health")
        assert health.status_code == 200
        assert health.json()["load"] == {"in_flight": 1, "waiting": 100, "refused": 3}
        assert "result" in adapter.rpc("web3_clientVersion")
        assert metric(adapter, 'refused{lane="public"} 3.0')
        # The operator's checks have a lane of their own.
        lane = HTTP.post(adapter.url + "/?lane=checks", json=calls(1, known.address)[0])
        assert lane.json()["result"] == known.balance
        gate.release()
        assert first.result()["result"] == known.balance
        assert [part["result"] for part in second.result().json()] == [known.balance] * 100
    assert metric(adapter, 'waiting{lane="public"} 0.0')
    assert known.address[2:] not in adapter.log + adapter.get("/metrics").text


def test_who_waits_too_long_is_refused(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    flags = ("--max-in-flight=1", "--queue-deadline=0.001", "--read-budget=3600")
    adapter = start_adapter(gate.url, pair[1], *flags)
    adapter.wait_healthy()
    gate.holds = 1
    with ThreadPoolExecutor() as clients:
        first = clients.submit(adapter.rpc, "eth_getBalance", UNKNOWN)
        assert gate.held.acquire(timeout=PATIENCE_SECONDS)
        assert adapter.post("/", calls(1)[0]).status_code == 503
        gate.release()
        assert first.result()["result"] == "0x0"


def test_what_a_client_no_longer_waits_for_is_not_worked_on(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    adapter = start_adapter(gate.url, pair[1], "--max-in-flight=1", *PATIENT)
    adapter.wait_healthy()
    gate.holds = 1
    body = json.dumps(calls(1)[0]).encode()
    with ThreadPoolExecutor() as clients:
        first = clients.submit(adapter.rpc, "eth_getBalance", UNKNOWN)
        assert gate.held.acquire(timeout=PATIENCE_SECONDS)
        with socket.create_connection(adapter.address) as goer:
            goer.sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            adapter.wait_for(lambda: metric(adapter, 'waiting{lane="public"} 1.0'))
        adapter.wait_for(lambda: metric(adapter, 'waiting{lane="public"} 0.0'))
        gate.release()
        assert first.result()["result"] == "0x0"
    assert [seen.questions for seen in gate.queries] == [2]


def test_reads_that_wait_go_together_and_none_is_left_out(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    """The same address a hundred times is asked a hundred times: how many differ is not told."""
    adapter = start_adapter(gate.url, pair[1], *PATIENT)
    adapter.wait_healthy()
    answers = adapter.post("/", calls(100)).json()
    assert [answer["result"] for answer in answers] == ["0x0"] * 100
    sizes = [seen.questions for seen in gate.queries]
    assert max(sizes) <= 32
    assert len(sizes) < 50
    # In every batch one question is for the row that is known.
    assert sum(sizes) == 100 + len(sizes)
    keys = [
        key for seen in gate.queries for q in json.loads(seen.body)["queries"] for key in q["keys"]
    ]
    assert len(set(keys)) == 3 * sum(sizes)


def test_one_server_sees_the_same_of_two_addresses(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter, manifest: Manifest
) -> None:
    """Byte for byte in shape: an account with code, and one that is not there at all."""
    adapter = start_adapter(gate.url, pair[1], "--refresh-interval=3600")
    adapter.wait_healthy()
    there = next(known for known in manifest.known_accounts if known.code != "0x")
    shapes = []
    for method in ("eth_getBalance", "eth_getTransactionCount", "eth_getCode"):
        for address in (there.address, UNKNOWN):
            gate.seen.clear()
            assert "result" in adapter.rpc(method, address)
            shapes.append([shape_of(seen) for seen in gate.queries])
            assert len(gate.queries) == len(gate.seen) == 1
    assert all(shape == shapes[0] for shape in shapes)


def shape_of(seen: Seen) -> Any:
    """Everything about a request but the random part of its keys."""
    document = json.loads(seen.body)
    for query in document["queries"]:
        # Version, kind, party, domain and PRG keys are the same for all; the rest is random.
        query["keys"] = [(key[: 2 + 72], len(key)) for key in query["keys"]]
    headers = [(name, "" if name == "Host" else value) for name, value in seen.headers]
    return seen.method, seen.path, headers, len(seen.body), document


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("endless", "server A answers with too much"),
        ("nothing", "server A closed the connection"),
        ("status", "server A answered /query/batch with status 500"),
        ("noise", "server A: the answer is malformed"),
        ("short", "server A: the answer has the wrong size"),
        ("narrow", "server A: the answer has the wrong size"),
        ("another epoch", "server A: has moved to another epoch"),
        ("a lie", "a server answers wrongly: a row that is known came out different"),
    ],
)
def test_a_server_that_fails_is_named_and_takes_nothing_with_it(
    gate: Gate,
    pair: tuple[str, str],
    start_adapter: StartAdapter,
    known: KnownAccount,
    spoil: str,
    reason: str,
) -> None:
    adapter = start_adapter(gate.url, pair[1], "--read-budget=3600")
    adapter.wait_healthy()
    gate.spoil = spoil
    error = adapter.rpc("eth_getBalance", known.address)["error"]
    assert error == {"code": -32000, "message": f"private state is unavailable: {reason}"}
    gate.spoil = None
    assert adapter.rpc("eth_getBalance", known.address)["result"] == known.balance
    assert "Traceback" not in adapter.log
    assert known.address[2:] not in adapter.log


def test_a_server_without_room_is_too_much_load(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    adapter = start_adapter(gate.url, pair[1])
    adapter.wait_healthy()
    gate.spoil = "busy"
    answer = adapter.post("/", calls(1)[0])
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, -32005)
    parts = adapter.post("/", calls(2))
    assert (parts.status_code, {part["error"]["code"] for part in parts.json()}) == (200, {-32005})


def test_a_server_that_stands_still_is_given_up_and_found_again(
    starter: Starter, pair: tuple[str, str], start_adapter: StartAdapter, known: KnownAccount
) -> None:
    b = starter.server()
    adapter = start_adapter(pair[0], b.url, "--read-budget=3600")
    adapter.wait_healthy()
    b.signal(signal.SIGSTOP)
    # Long before the budget ends: the adapter looks at a server that lets reads wait.
    error = adapter.rpc("eth_getBalance", known.address)["error"]
    assert error["message"].endswith("server B does not answer in time")
    adapter.wait_for(lambda: adapter.get("/health").status_code == 503)
    b.signal(signal.SIGCONT)
    adapter.wait_healthy()
    assert adapter.rpc("eth_getBalance", known.address)["result"] == known.balance


def test_a_read_ends_with_its_budget(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    adapter = start_adapter(gate.url, pair[1], "--read-budget=0.2")
    adapter.wait_healthy()
    gate.holds = 1
    message = adapter.rpc("eth_getBalance", UNKNOWN)["error"]["message"]
    assert "in time" in message or "within the time" in message
    gate.release()
    adapter.wait_for(lambda: "result" in adapter.rpc("eth_getBalance", UNKNOWN))


def test_another_snapshot_with_the_same_epoch_id_under_load_is_never_misread(
    starter: Starter,
    start_adapter: StartAdapter,
    genesis: Genesis,
    known: KnownAccount,
    tmp_path: Path,
) -> None:
    """Both servers restart while reads go on: an answer is the old one, the new one or an error."""
    accounts = tuple(replace(a, balance=a.balance + 1) for a in genesis.accounts)
    later = build(
        replace(genesis, accounts=accounts), Source(file="later.json", sha256="0" * 64), Options()
    )
    (tmp_path / "matrix.bin").write_bytes(later["matrix.bin"])
    # Block, root and number stay the same: nothing but the rows tells the two apart.
    changes = {"MATRIX_FILE": str(tmp_path / "matrix.bin")}
    old, new = known.balance, hex(int(known.balance, 16) + 1)
    a, b = starter.server(), starter.server()
    adapter = start_adapter(a.url, b.url, "--refresh-interval=3600")
    adapter.wait_healthy()
    answers: list[Any] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(adapter.rpc("eth_getBalance", known.address))

    with ThreadPoolExecutor() as clients:
        asking = [clients.submit(ask) for _ in range(4)]
        try:
            adapter.wait_for(lambda: len(answers) > 20)
            for server in (b, a):
                server.stop()
                starter.server(BIND_ADDR=server.url.removeprefix("http://"), **changes)
            adapter.wait_for(lambda: answers[-1].get("result") == new)
        finally:
            done.set()
        for client in asking:
            client.result()
    assert {answer["result"] for answer in answers if "result" in answer} == {old, new}
    codes = {answer["error"]["code"] for answer in answers if "error" in answer}
    assert codes <= {-32000, -32005}


def test_a_batch_of_ten_thousand_is_refused_unread(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    adapter = start_adapter(gate.url, pair[1])
    adapter.wait_healthy()
    answer = adapter.post("/", calls(10_000))
    assert answer.json()["error"]["code"] == -32600
    assert gate.queries == []


def test_waiting_for_upstream_has_a_bound_too(
    pair: tuple[str, str], start_adapter: StartAdapter, upstream: FakeUpstream
) -> None:
    """An upstream that is slow does not hold up what is private or local."""
    adapter = start_adapter(*pair)
    adapter.wait_healthy()
    with upstream.slow(), ThreadPoolExecutor(400) as clients:
        ask = {"jsonrpc": "2.0", "id": 1, "method": "eth_gasPrice", "params": []}
        asked = [clients.submit(adapter.post, "/", ask) for _ in range(330)]
        # 64 wait for upstream and 256 for their turn, for a second at most.
        adapter.wait_for(lambda: any(future.done() for future in asked))
        assert adapter.rpc("eth_getBalance", UNKNOWN)["result"] == "0x0"
        upstream.may_answer.set()
        statuses = [future.result().status_code for future in asked]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 64


@pytest.mark.parametrize("lane", ["", "checks"])
def test_a_lane_for_checks_does_not_change_answers(adapter: Process, lane: str) -> None:
    response: httpx.Response = HTTP.post(f"{adapter.url}/?lane={lane}", json=calls(1)[0])
    assert response.json()["result"] == "0x0"


def test_a_server_that_still_loads_its_snapshot_is_not_yet_there(
    gate: Gate, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    gate.loading = True
    adapter = start_adapter(gate.url, pair[1], "--read-budget=3600")
    error = adapter.rpc("eth_getBalance", UNKNOWN)["error"]
    assert error["message"].endswith("server A has not loaded its snapshot yet")
    gate.loading = False
    adapter.wait_healthy()
    assert adapter.rpc("eth_getBalance", UNKNOWN)["result"] == "0x0"
