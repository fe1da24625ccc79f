"""A probe is looked at until it is ready, final, or out of time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from morphops.adapters.probes import ProbeContext
from morphops.core.bundle.documents import Loaded
from morphops.core.plan.steps import AwaitHealth
from morphops.core.probes.http import Http
from morphops.core.stack import Instance, Running
from morphops.core.verify.reading import Reading
from morphops.errors import GateFailed
from morphops.operations.pipeline import gates
from tests.fakes import FakeTarget, Recorder
from tests.samples.probes import CHECKSUM, SHA256, container
from tests.samples.releases import digest


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
    http = Http(kind="http", service="api", port=80, judges=("db",), deadline=0)
    with pytest.raises(GateFailed, match="probe up did not pass: api does not run"):
        gates.run("up", http, here, pytest.fail)


def test_a_probe_that_fails_tells_what_those_that_it_judges_wrote() -> None:
    target = FakeTarget({})
    for name in ("api", "db", "web"):
        target.containers[name] = container(id=name, service=name)
    http = Http(kind="http", service="api", port=80, judges=("db",), deadline=0)
    with pytest.raises(GateFailed) as caught:
        gates.run("up", http, ProbeContext(target, "p", {}), pytest.fail)
    assert caught.value.detail == (
        "last log lines of api:",
        "  last words of api",
        "last log lines of db:",
        "  last words of db",
    )


BARE = container(health="none", release=digest("b"))
HERE = AwaitHealth(("api",), 5.0, settle=0.02, release=digest("b"))


@pytest.mark.parametrize(
    ("there", "step", "told"),
    [
        (BARE, HERE, ["no health check: api must run 0.02 s"]),
        (BARE, replace(HERE, deadline=0.0), ["no health check: api must run 0.02 s"]),
        (BARE, replace(HERE, settle=0.0), []),
        (replace(BARE, release=digest("a")), HERE, []),
        (replace(BARE, health="healthy"), HERE, []),
    ],
)
def test_what_has_no_health_check_has_to_run_for_a_while(
    there: Instance, step: AwaitHealth, told: list[str]
) -> None:
    target, observer = FakeTarget({}, containers={"api": there}), Recorder()
    found = gates.await_health(step, target, "p", observer)
    assert found.containers == (there,)
    assert [line.removeprefix("waiting: ") for line in observer.lines] == told


@pytest.mark.parametrize(
    ("then", "says"),
    [
        (replace(BARE, state="exited", exit_code=3), "api exited with 3"),
        (replace(BARE, restarts=2), "api ends and is started again (2 times)"),
    ],
)
def test_what_ends_while_it_has_to_run_fails_the_gate(then: Instance, says: str) -> None:
    class Ends(FakeTarget):
        def observe(self, project: str) -> Running:
            found = super().observe(project)
            self.containers["api"] = then
            return found

    with pytest.raises(GateFailed, match=re.escape(says)):
        gates.await_health(
            replace(HERE, settle=60.0), Ends({}, containers={"api": BARE}), "p", Recorder()
        )


def test_a_restart_begins_the_time_anew() -> None:
    lives: list[Instance] = [BARE, replace(BARE, restarts=1)]

    class Restarts(FakeTarget):
        def observe(self, project: str) -> Running:
            found = super().observe(project)
            self.containers["api"] = lives[-1]
            return found

    target, observer = Restarts({}, containers={"api": BARE}), Recorder()
    found = gates.await_health(HERE, target, "p", observer)
    assert found.containers == (lives[-1],)
