"""Services are asked several times, from inside."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters import probes
from morphops.adapters.probes import ProbeContext
from morphops.core.bundle.documents import Loaded
from morphops.core.stack import Instance, Running
from morphops.core.verify.reading import Reading
from morphops.errors import EngineCallFailed, Interrupted, MorphopsError
from tests.fakes import FakeTarget
from tests.samples.probes import AGREE, container


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


def test_a_probe_of_one_slot_asks_the_instances_of_that_slot() -> None:
    class TwoSlots(FakeTarget):
        def observe(self, project: str) -> Running:
            return Running(
                tuple(container(service=n, slot=s) for s in ("blue", "green") for n in "ab")
            )

        def http_get(self, container: Instance, url: str, timeout: float) -> bytes:
            return json.dumps(round_(1 if container.slot == "blue" else 2)).encode()

    documents = {"d": Loaded(Path("d"), {"rows": 8})}
    for slot, epoch in (("blue", 1), ("green", 2)):
        reading = probes.read(AGREE, ProbeContext(TwoSlots({}), "p", documents, slot))
        assert reading.facts == {"epoch": epoch}
    away = probes.read(AGREE, ProbeContext(TwoSlots({}), "p", documents, "red"))
    assert away == Reading(False, "a does not run")
