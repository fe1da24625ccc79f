"""The adapter in front of two real servers, a static file host and a fake upstream."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Starter
from harness import HTTP, CodeHost, FakeUpstream, Process

from morphogen_pir.manifest import Manifest, Source
from morphogen_snapshot.build import Options, build
from morphogen_snapshot.genesis import Genesis

UNKNOWN = "0x" + "ab" * 20
StartAdapter = Callable[..., Process]


def test_every_known_account_reads_as_the_manifest_says(
    adapter: Process, manifest: Manifest, upstream: FakeUpstream
) -> None:
    for known in manifest.known_accounts:
        assert adapter.rpc("eth_getBalance", known.address, "latest")["result"] == known.balance
        nonce = adapter.rpc("eth_getTransactionCount", known.address, "pending")
        assert nonce["result"] == known.nonce
        assert adapter.rpc("eth_getCode", known.address, "0x1")["result"] == known.code
    assert upstream.requests == []
    for known in manifest.known_accounts:
        assert known.address[2:] not in adapter.log.lower()


def test_every_account_of_the_genesis_has_its_balance(adapter: Process, genesis: Genesis) -> None:
    calls = [
        {"jsonrpc": "2.0", "id": i, "method": "eth_getBalance", "params": ["0x" + a.address.hex()]}
        for i, a in enumerate(genesis.accounts)
    ]
    balances = {}
    for at in range(0, len(calls), 100):
        for answer in adapter.post("/", calls[at : at + 100]).json():
            balances[answer["id"]] = answer["result"]
    assert balances == {i: hex(a.balance) for i, a in enumerate(genesis.accounts)}


def test_an_unknown_account_has_nothing(adapter: Process) -> None:
    assert adapter.rpc("eth_getBalance", UNKNOWN)["result"] == "0x0"
    assert adapter.rpc("eth_getTransactionCount", UNKNOWN)["result"] == "0x0"
    assert adapter.rpc("eth_getCode", UNKNOWN)["result"] == "0x"


@pytest.mark.parametrize("changes", [{"DISABLE_PAGE_PIR": "true"}, {"PAGE_ROWS_PER_PAGE": "3"}])
def test_other_page_parameters_read_the_same(
    starter: Starter,
    start_adapter: StartAdapter,
    manifest: Manifest,
    changes: dict[str, str],
) -> None:
    adapter = start_adapter(starter.server(**changes).url, starter.server(**changes).url)
    for known in manifest.known_accounts[:6]:
        assert adapter.rpc("eth_getBalance", known.address)["result"] == known.balance


def test_health_follows_the_pair(
    starter: Starter, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    b = starter.server()
    adapter = start_adapter(pair[0], b.url)
    adapter.wait_healthy()
    assert adapter.get("/health").json()["block_number"] == 19_000_000
    b.stop()
    # An answer is never held back for a look at the pair, so it may be one look old.
    adapter.wait_for(lambda: adapter.get("/health").status_code == 503)
    assert adapter.get("/health").json()["reason"] == "server B cannot be reached"


def test_a_pair_that_disagrees_answers_nothing(
    starter: Starter, pair: tuple[str, str], start_adapter: StartAdapter, upstream: FakeUpstream
) -> None:
    other = starter.server(PAGE_PRG_KEY_0="22" * 16, BLOCK_NUMBER="5")
    adapter = start_adapter(pair[0], other.url)
    error = adapter.rpc("eth_getBalance", UNKNOWN, "latest")["error"]
    assert error == {
        "code": -32000,
        "message": "private state is unavailable: the servers disagree on block_number, page_pir",
    }
    adapter.wait_for(lambda: adapter.get("/health").status_code == 503)
    assert upstream.requests == []


def test_private_methods_fail_closed_without_the_pair(
    starter: Starter, pair: tuple[str, str], start_adapter: StartAdapter, upstream: FakeUpstream
) -> None:
    b = starter.server()
    adapter = start_adapter(pair[0], b.url)
    assert "result" in adapter.rpc("eth_getBalance", UNKNOWN)
    b.stop()
    for method in ("eth_getBalance", "eth_getTransactionCount", "eth_getCode"):
        assert adapter.rpc(method, UNKNOWN)["error"]["code"] == -32000
    assert upstream.requests == []
    assert UNKNOWN[2:] not in adapter.log
    # What is not private still works.
    assert adapter.rpc("eth_chainId")["result"] == "upstream eth_chainId"


def test_the_pair_is_found_again(
    starter: Starter, pair: tuple[str, str], start_adapter: StartAdapter
) -> None:
    b = starter.server()
    adapter = start_adapter(pair[0], b.url)
    b.stop()
    assert "error" in adapter.rpc("eth_getBalance", UNKNOWN)
    again = starter.server(BIND_ADDR=b.url.removeprefix("http://"))
    assert again.url == b.url
    adapter.wait_for(lambda: adapter.rpc("eth_getBalance", UNKNOWN).get("result") == "0x0")


def test_a_pair_that_restarts_with_another_snapshot_is_never_misread(
    starter: Starter,
    start_adapter: StartAdapter,
    genesis: Genesis,
    manifest: Manifest,
    tmp_path: Path,
) -> None:
    """Both snapshots are epoch 0, have as many rows, and keep most accounts in the same row."""
    accounts = tuple(replace(a, balance=a.balance + 1) for a in genesis.accounts)
    source = Source(file="later.json", sha256="0" * 64)
    later = build(replace(genesis, accounts=accounts), source, Options(block_number=19_000_001))
    (tmp_path / "matrix.bin").write_bytes(later["matrix.bin"])
    changes = {"MATRIX_FILE": str(tmp_path / "matrix.bin"), "BLOCK_NUMBER": "19000001"}
    known = manifest.known_accounts[0]
    a, b = starter.server(), starter.server()
    adapter = start_adapter(a.url, b.url, "--refresh-interval=3600")
    assert adapter.rpc("eth_getBalance", known.address)["result"] == known.balance
    b.stop()
    starter.server(BIND_ADDR=b.url.removeprefix("http://"), **changes)
    error = adapter.rpc("eth_getBalance", known.address)["error"]
    assert error["message"].endswith("the servers disagree on block_number, matrix_sha256")
    a.stop()
    starter.server(BIND_ADDR=a.url.removeprefix("http://"), **changes)
    expected = hex(int(known.balance, 16) + 1)
    results = []

    def answered() -> bool:
        """Whether a balance came; a pair that was broken for a while is looked at for a moment."""
        results.append(adapter.rpc("eth_getBalance", known.address).get("result"))
        return results[-1] is not None

    adapter.wait_for(answered)
    assert results[-1] == expected


def test_strange_bodies_are_answered(adapter: Process) -> None:
    for body, code in {
        b"": -32700,
        b"{": -32700,
        b"\xff": -32700,
        b"[" * 100_000: -32700,
        b'{"jsonrpc":"2.0","id":NaN,"method":"eth_accounts"}': -32700,
        b'{"jsonrpc":"2.0","id":1e999,"method":"eth_accounts"}': -32600,
        b'{"jsonrpc":"2.0","id":"\\ud800","method":"eth_accounts"}': -32004,
    }.items():
        response = HTTP.post(adapter.url + "/", content=body)
        assert (response.status_code, response.json()["error"]["code"]) == (200, code)
    assert HTTP.post(adapter.url + "/", content=b" " * 5_000_000).status_code == 413
    note = {"jsonrpc": "2.0", "method": "web3_clientVersion"}
    assert adapter.post("/", note).status_code == 204
    assert "Traceback" not in adapter.log


def test_fallback_is_a_choice_and_is_logged(
    start_adapter: StartAdapter, upstream: FakeUpstream
) -> None:
    adapter = start_adapter("http://127.0.0.1:9", "http://127.0.0.1:10", "--fallback-to-upstream")
    assert adapter.rpc("eth_getBalance", UNKNOWN)["result"] == "upstream eth_getBalance"
    assert upstream.methods == ["eth_getBalance"]
    assert "privacy degraded: eth_getBalance goes upstream" in adapter.log
    assert UNKNOWN[2:] not in adapter.log


def test_code_with_another_hash_is_refused(
    adapter: Process, code_host: CodeHost, manifest: Manifest
) -> None:
    address = next(known.address for known in manifest.known_accounts if known.code != "0x")
    assert "result" in adapter.rpc("eth_getCode", address)
    code_host.replaced[code_host.requests[-1]] = b"not the code"
    error = adapter.rpc("eth_getCode", address)["error"]
    assert error["code"] == -32000
    assert "hash" in error["message"]
    code_host.replaced["/mainnet_compact.dict"] = bytes(32 * 100)
    assert "no such entry" in adapter.rpc("eth_getCode", address)["error"]["message"]


PASSED_ON = [
    "eth_blockNumber", "eth_chainId", "eth_gasPrice", "net_version", "eth_getBlockByNumber",
    "eth_getBlockByHash", "eth_feeHistory", "eth_maxPriorityFeePerGas", "eth_sendRawTransaction",
]  # fmt: skip


def test_methods_go_where_they_belong(adapter: Process, upstream: FakeUpstream) -> None:
    for method in PASSED_ON:
        assert adapter.rpc(method, "0x1")["result"] == f"upstream {method}"
    assert upstream.methods == PASSED_ON
    assert json.loads(upstream.requests[0])["params"] == ["0x1"]
    assert adapter.rpc("web3_clientVersion")["result"].startswith("morphogen-rpc-adapter/")
    for method in ("eth_getProof", "eth_sign", "eth_signTransaction", "eth_accounts"):
        error = adapter.rpc(method, UNKNOWN)["error"]
        assert error["code"] == -32004
        assert error["message"].startswith(f"{method} is refused: ")
    for method in ("eth_call", "eth_getStorageAt", "debug_x", ""):
        assert adapter.rpc(method, UNKNOWN)["error"]["code"] == -32601
    assert upstream.methods == PASSED_ON


def test_raw_transactions_go_to_the_relay(
    start_adapter: StartAdapter, upstream: FakeUpstream
) -> None:
    with FakeUpstream() as relay:
        adapter = start_adapter("http://a.invalid", "http://b.invalid", f"--tx-relay={relay.url}")
        assert "result" in adapter.rpc("eth_sendRawTransaction", "0x00")
        assert "result" in adapter.rpc("eth_gasPrice")
        assert relay.methods == ["eth_sendRawTransaction"]
    assert upstream.methods == ["eth_gasPrice"]


def test_an_upstream_that_is_away_says_so_without_its_url(
    adapter: Process, upstream: FakeUpstream
) -> None:
    upstream.answer = (502, b"<html>bad gateway</html>")
    assert adapter.rpc("eth_gasPrice")["error"] == {
        "code": -32000,
        "message": "upstream answered status 502",
    }
    upstream.answer = (200, b"[]")
    assert adapter.rpc("eth_gasPrice")["error"]["message"] == "upstream gave no JSON-RPC answer"
    problem = {"code": -32005, "message": f"over the limit of {upstream.SECRET} at {upstream.url}"}
    upstream.answer = (429, json.dumps({"error": problem}).encode())
    answer = adapter.rpc("eth_gasPrice")["error"]
    assert answer["code"] == -32005
    assert upstream.SECRET not in json.dumps(answer)
    assert "passw0rd" not in json.dumps(answer) + adapter.log


@pytest.mark.parametrize(
    "number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b'[{"a": -1e999}]']
)
def test_what_is_no_json_is_not_passed_on(
    adapter: Process, upstream: FakeUpstream, number: bytes
) -> None:
    upstream.answer = (200, b'{"jsonrpc":"2.0","id":1,"result":' + number + b"}")
    assert adapter.rpc("eth_gasPrice")["error"]["message"] == "upstream gave no JSON-RPC answer"


def test_a_result_of_upstream_has_no_key_of_ours(adapter: Process, upstream: FakeUpstream) -> None:
    for echo in (upstream.url, upstream.url.replace("/", "\\/")):
        result = f'{{"seen": ["you asked {echo}", 7, null, 0.5, true]}}'
        upstream.answer = (200, f'{{"result": {result}}}'.encode())
        answer = adapter.rpc("eth_gasPrice")
        assert upstream.SECRET not in json.dumps(answer)
        assert answer["result"]["seen"][1:] == [7, None, 0.5, True]
    # What a chain holds stays as it is, also where a short part of the URL stands in it.
    upstream.answer = (200, b'{"result": "0xuserpassw0rd"}')
    assert adapter.rpc("eth_gasPrice")["result"] == "0xuserpassw0rd"


def test_a_code_that_is_no_number(adapter: Process, upstream: FakeUpstream) -> None:
    upstream.answer = (200, b'{"error": {"code": true, "message": "no"}}')
    assert adapter.rpc("eth_gasPrice")["error"]["code"] == -32603


BAD_PARAMS: list[Any] = [
    [], {}, ["0x12"], [UNKNOWN[2:]], [1], [None], [UNKNOWN, "latest", 1], [UNKNOWN, "earliest"],
    [UNKNOWN, 5], [UNKNOWN, "0x"], [UNKNOWN, "0xzz"], [UNKNOWN, {"blockNumber": "0x1"}],
    [UNKNOWN + "\n"], [UNKNOWN.replace("ab", "xy")],
]  # fmt: skip


def test_bad_parameters_are_refused_and_not_repeated(
    adapter: Process, upstream: FakeUpstream
) -> None:
    for params in BAD_PARAMS:
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": params}
        answer = adapter.post("/", request)
        assert answer.json()["error"]["code"] == -32602, params
        assert "abab" not in answer.text
        assert "xyxy" not in answer.text
    assert upstream.requests == []
    for block in ("latest", "pending", "safe", "finalized", "0x0", "0xFFFF", None):
        assert adapter.rpc("eth_getBalance", UNKNOWN, block)["result"] == "0x0"


def test_sigterm_ends_it_with_zero(pair: tuple[str, str], start_adapter: StartAdapter) -> None:
    adapter = start_adapter(*pair)
    adapter.wait_healthy()
    adapter.signal(signal.SIGTERM)
    assert adapter.wait() == 0
    assert "Traceback" not in adapter.log
