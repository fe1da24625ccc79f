"""Ready, or not and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from morphops import documents, health, probes
from morphops.bundle import Agree, Answers, Checksum, Question, Same
from morphops.documents import Loaded
from morphops.errors import GateFailed
from morphops.probes import Asked, Reading
from morphops.target import Container, Identity, Port, Running

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


def container(**changes: Any) -> Container:
    given = {"state": "running", "health": "healthy", **changes}
    return Container("api", "id", Identity("config", "x"), **given)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: None, ""),
        (lambda path: path.write_bytes(b"dat"), "has 3 bytes, its manifest says 4"),
        (lambda path: path.write_bytes(b"dada"), "is not what its manifest says"),
        (lambda path: path.unlink(), "No such file"),
    ],
)
def test_checksum(tmp_path: Path, change: Any, says: str) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"data")
    sha256 = hashlib.sha256(b"data").hexdigest()
    document = Loaded(tmp_path / "m.json", {"file": "data.bin", "bytes": 4, "sha256": sha256})
    change(path)
    reading = probes.read_checksum(CHECKSUM, document)
    assert (reading.ready, reading.final) == (not says, bool(says))
    assert says in reading.reason


def test_same() -> None:
    probe = Same(kind="same", documents=("a", "b"), fields={"seeds": "seeds", "era": "era"})
    same = {name: Loaded(Path(name), {"seeds": [1, 2], "era": 0}) for name in "ab"}
    assert probes.read_same(probe, same).ready
    other = same | {"b": Loaded(Path("b"), {"seeds": [1, 3]})}
    reading = probes.read_same(probe, other)
    assert reading.final
    assert reading.details == ("seeds: a says [1, 2]; b says [1, 3]", "era: b does not say")


@pytest.mark.parametrize(
    ("b", "says"),
    [
        ({"epoch": 1, "rows": 8}, ""),
        ({"epoch": 2, "rows": 8}, "epoch: a says 1; b says 2"),
        ({"epoch": 1, "rows": 9}, "rows: a says 8; b says 9"),
    ],
)
def test_agree(b: Mapping[str, int], says: str) -> None:
    reading, _ = probes.compare(AGREE, {"a": {"epoch": 1, "rows": 8}, "b": b}, {"rows": 8})
    assert (reading.ready, reading.reason if says else "") == (not says, says)
    if not says:
        assert reading.facts == {"epoch": 1}


def test_agreeing_on_something_else_than_the_document() -> None:
    answer = {"epoch": 1, "rows": 8}
    reading, _ = probes.compare(AGREE, {"a": answer, "b": answer}, {"rows": 9})
    assert reading.reason == "rows: served 8, the document says 9"


ASKED = tuple(Asked("balance", f"0x{n}", {}, f"0x{n}0") for n in range(1, 8))
RIGHT = [{"result": asked.expected} for asked in ASKED]
ERROR = {"error": {"code": -32000, "message": "the pair is unavailable"}}


@pytest.mark.parametrize(
    ("answers", "ready", "final", "says"),
    [
        (RIGHT, True, False, "7 of 7 known answers are right"),
        ([{"result": "0x0"}, *RIGHT[1:]], False, True, "expected 0x10, got 0x0"),
        ([ERROR, *RIGHT[1:]], False, False, "got error -32000: the pair is unavailable"),
        (["no answer within 1 s", *RIGHT[1:]], False, False, "got no answer within 1 s"),
        ([{"result": None}] * 7, False, True, "and 2 more"),
    ],
)
def test_answers(answers: list[Any], ready: bool, final: bool, says: str) -> None:
    reading = probes.judge(ASKED, answers, 5)
    assert (reading.ready, reading.final) == (ready, final)
    assert says in "\n".join((reading.reason, *reading.details))


def test_too_few_known_answers_prove_nothing() -> None:
    reading = probes.judge(ASKED, RIGHT, 8)
    assert (reading.ready, reading.final) == (False, True)


def test_questions_come_from_the_rows() -> None:
    question = Question(name="code", method="m", params=("{who}", "latest"), expect="c", when="c")
    probe = Answers(
        kind="answers", service="s", port=1, document="d", rows="rows", questions=(question,)
    )
    rows = {"rows": [{"who": "0x1", "c": "0xff"}, {"who": "0x2", "c": ""}]}
    (asked,) = probes.questions(probe, rows)
    assert (asked.subject, asked.expected) == ("0x1", "0xff")
    assert asked.request["params"] == ["0x1", "latest"]


class Clock:
    """Time that passes only in sleep."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(*readings: Reading, deadline: float = 2.0) -> tuple[Reading, list[str]]:
    left, said, clock = list(readings), list[str](), Clock()

    def look() -> Reading:
        return left.pop(0) if len(left) > 1 else left[0]

    found = probes.await_ready(
        "p", look, deadline, 0.5, said.append, clock=clock, sleep=clock.sleep
    )
    return found, said


def test_waiting_tells_each_reason_once() -> None:
    not_yet = Reading(False, "starting")
    found, said = wait(not_yet, not_yet, Reading(False, "almost"), Reading(True, "there"))
    assert found.reason == "there"
    assert said == ["p: starting", "p: almost"]


def test_waiting_ends_at_the_deadline_or_when_it_is_in_vain() -> None:
    with pytest.raises(GateFailed, match="within 2 s: starting"):
        wait(Reading(False, "starting"))
    with pytest.raises(GateFailed, match=r"did not pass: wrong$"):
        wait(Reading(False, "wrong", final=True))


@pytest.mark.parametrize(
    ("host", "url"),
    [("", "http://127.0.0.1:9"), ("0.0.0.0", "http://127.0.0.1:9"), ("::1", "http://[::1]:9")],
)
def test_where_a_port_is_published(host: str, url: str) -> None:
    running = Running((container(ports=(Port(host, 9, 80),)),))
    assert probes.published(running, "api", 80) == (url, "")
    assert probes.published(running, "api", 81) == ("", "api publishes no port 81")
    assert probes.published(running, "web", 80) == ("", "web does not run")


@pytest.mark.parametrize(
    ("changes", "ready", "final", "says"),
    [
        ({}, True, False, "healthy: api"),
        ({"health": "none"}, True, False, "healthy: api"),
        ({"health": "starting", "health_output": "503\n"}, False, False, "api is starting: 503"),
        ({"health": "unhealthy"}, False, True, "api is unhealthy"),
        ({"state": "exited", "exit_code": 3}, False, True, "api exited with 3"),
        ({"state": "restarting", "restarts": 1}, False, False, "ends and is started again (1"),
        ({"state": "restarting", "restarts": 2}, False, True, "ends and is started again (2"),
    ],
)
def test_health(changes: dict[str, Any], ready: bool, final: bool, says: str) -> None:
    reading = health.read(Running((container(**changes),)), ("api",))
    assert (reading.ready, reading.final) == (ready, final)
    assert says in reading.reason


def test_health_of_what_is_not_there() -> None:
    assert health.read(Running(), ("api",)).reason == "api has no container yet"


def test_what_jmespath_cannot_answer_is_nothing() -> None:
    assert documents.find("a.b", json.loads('{"a": {"b": 1}}')) == 1
    assert documents.find("join(',', @)", {"a": 1}) is None
