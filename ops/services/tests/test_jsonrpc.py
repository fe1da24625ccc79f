import asyncio
import json
import logging
from typing import Any

import pytest

from morphogen_rpc_adapter.epochs import disagreements, parse_epoch
from morphogen_rpc_adapter.errors import RpcError
from morphogen_rpc_adapter.jsonrpc import MAX_BATCH, answer


async def call(method: str, params: Any) -> Any:
    if method == "fail":
        raise RpcError(-32000, "no", data="0x01")
    if method == "bug":
        raise KeyError("0xabababab")
    return [method, params]


def ask(document: Any) -> Any:
    return asyncio.run(answer(document, call))


def request(method: str = "m", **fields: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, **fields}


def test_a_result() -> None:
    assert ask(request(params=[1])) == {"jsonrpc": "2.0", "id": 1, "result": ["m", [1]]}
    assert ask(request(id="x"))["result"] == ["m", []]
    assert ask(request(id=None)) == {"jsonrpc": "2.0", "id": None, "result": ["m", []]}


def test_an_error() -> None:
    error = {"code": -32000, "message": "no", "data": "0x01"}
    assert ask(request("fail")) == {"jsonrpc": "2.0", "id": 1, "error": error}


@pytest.mark.parametrize(
    "document",
    [
        None, 5, "x", {}, request(jsonrpc="1.0"), request(method=5), request(params="x"),
        request(id=[1]), request(id=True), request(id=float("inf")), [],
    ],
)  # fmt: skip
def test_invalid_requests(document: Any) -> None:
    assert ask(document)["error"]["code"] == -32600


def test_a_batch_answers_each_in_turn() -> None:
    batch = [request("a", id=1), request("fail", id=2), 5, request("b", id=3)]
    answers = ask(batch)
    assert [a["id"] for a in answers] == [1, 2, None, 3]
    assert [a.get("error", {}).get("code") for a in answers] == [None, -32000, -32600, None]


def test_a_batch_has_a_limit() -> None:
    assert len(ask([request()] * MAX_BATCH)) == MAX_BATCH
    assert ask([request()] * (MAX_BATCH + 1))["error"]["code"] == -32600


def test_notifications_get_no_answer() -> None:
    note = {"jsonrpc": "2.0", "method": "m"}
    assert ask(note) is None
    assert ask({"jsonrpc": "2.0", "method": "fail"}) is None
    assert ask([note, note]) is None
    assert len(ask([note, request()])) == 1


def test_a_bug_says_nothing_of_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        response = ask(request("bug", params=["0xabababab"]))
    assert response["error"] == {"code": -32603, "message": "internal error"}
    assert "abab" not in caplog.text
    assert "KeyError" in caplog.text


EPOCH = {
    "epoch_id": 0,
    "num_rows": 512,
    "seeds": [1, 2, 3],
    "block_number": 5,
    "state_root": "0x" + "00" * 32,
    "matrix_sha256": "0x" + "05" * 32,
    "sample": {"row": 3, "payload": "0x" + "07" * 32},
    "fingerprint": "0x" + "06" * 32,
    "page_pir": {
        "domain_bits": 9,
        "rows_per_page": 1,
        "num_pages": 512,
        "prg_keys": ["0x" + "01" * 16, "0x" + "02" * 16],
    },
}
PAGE: dict[str, Any] = EPOCH["page_pir"]  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, []),
        ({"epoch_id": 1}, ["epoch_id"]),
        ({"num_rows": 512, "seeds": [1, 2, 4]}, ["seeds"]),
        ({"block_number": 6, "state_root": "0x" + "01" * 32}, ["block_number", "state_root"]),
        ({"page_pir": PAGE | {"prg_keys": ["0x" + "03" * 16, "0x" + "02" * 16]}}, ["page_pir"]),
        ({"page_pir": PAGE | {"domain_bits": 10}}, ["page_pir"]),
        ({"page_pir": None}, ["page_pir"]),
        ({"num_rows": 500, "page_pir": None}, ["num_rows", "page_pir"]),
        ({"matrix_sha256": "0x" + "08" * 32, "fingerprint": "0x01"}, ["matrix_sha256"]),
        ({"sample": {"row": 4, "payload": "0x" + "07" * 32}}, ["sample"]),
        ({"fingerprint": "0x01"}, ["fingerprint"]),
    ],
)
def test_disagreements_are_named(change: dict[str, Any], named: list[str]) -> None:
    a, b = (parse_epoch(json.dumps(body).encode()) for body in (EPOCH, EPOCH | change))
    assert disagreements(a, b) == named


@pytest.mark.parametrize(
    "change",
    [
        {"epoch_id": "0"}, {"num_rows": 0}, {"num_rows": 2**60}, {"seeds": [1, 2]},
        {"seeds": [1, 2, 2**64]}, {"state_root": "00"}, {"num_rows": 513},
        {"page_pir": PAGE | {"domain_bits": 8}}, {"page_pir": PAGE | {"prg_keys": []}},
        {"sample": {"row": 512, "payload": "0x" + "07" * 32}}, {"sample": None},
        {"sample": {"row": 0, "payload": "0x" + "07" * 31}}, {"fingerprint": 5},
        {"page_pir": PAGE | {"rows_per_page": 0}}, {"page_pir": PAGE | {"prg_keys": ["0x"] * 2}},
    ],
)  # fmt: skip
def test_an_epoch_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_epoch(json.dumps(EPOCH | change).encode())
