"""Healthy, still healthy, and healthy by luck."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace

import pytest

from morphops.adapters.docker import model
from morphops.core.stack import HealthCheck, Identity, Instance, Running
from morphops.core.verify import health
from morphops.core.verify.reading import Reading
from morphops.errors import GateFailed
from morphops.operations.pipeline import gates
from tests.fakes import FakeTarget, Recorder

IMAGE = Identity("config", "sha256:" + "0" * 64)


def checks(said: str) -> tuple[HealthCheck, ...]:
    """One for each sign: `+` passed, `-` did not."""
    return tuple(HealthCheck(f"at {number}", sign == "+") for number, sign in enumerate(said))


def one(service: str = "api", said: str = "+", **changes: object) -> Instance:
    made = Instance(service, f"{service}-1", IMAGE, "running", "healthy", checks=checks(said))
    return replace(made, **changes)  # type: ignore[arg-type]


def lasts(*now: Instance, before: Instance | None = None, again: bool = True) -> Reading:
    was = before or one()
    return health.lasts({was.id: was}, Running(now), ["api"], checked_again=again)


@pytest.mark.parametrize(
    ("now", "final", "says"),
    [
        (one(), False, "api was not checked again yet"),
        (one(said="+-"), False, "api is healthy and is not, by turns"),
        (one(said="+-+"), False, "api is healthy and is not, by turns"),
        (one(said="+-+-"), True, "api is healthy and is not, by turns"),
        (one(health="unhealthy", health_output="503"), True, "api is unhealthy: 503, after it was"),
        (one(said="++", id="api-2"), True, "another container"),
        (one(said="++", restarts=1), True, "ended, and was restarted"),
        (one(said="++", state="exited", exit_code=137), True, "api exited with 137, after it was"),
        (one(said="++", state="paused"), True, "api is paused"),
        (one(said="++", service="db"), True, "api has no container any more"),
    ],
)
def test_what_does_not_last(now: Instance, final: bool, says: str) -> None:
    reading = lasts(now)
    assert (reading.ready, reading.final) == (False, final)
    assert says in reading.reason


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (one(said="++"), one()),
        (one(said="--+-++"), one(said="--+")),
        (one(said="+-++"), one()),  # a check that failed once, and no more
        (one(said=""), one(said="")),  # nobody checks it
        (one(said="++", restarts=7), one(restarts=7)),  # before anything of this began
    ],
)
def test_what_lasts(now: Instance, before: Instance) -> None:
    assert lasts(now, before=before).ready


def test_whose_checks_are_far_apart_is_not_waited_for_but_by_turns_is_never_well() -> None:
    assert lasts(one(), again=False).ready
    assert not lasts(one(said="+-+"), again=False).ready


@pytest.mark.parametrize("said", ["+", "+-", "+-+", "+-+-"])
def test_one_look_forgives_what_the_health_check_forgives(said: str) -> None:
    was, now = one(), one(said=said)
    assert health.stays({was.id: was}, Running((now,)), ["api"]).ready


@pytest.mark.parametrize(
    ("said", "apart", "seconds"),
    [
        ("+", 20, 15),
        ("++", 20, 15),
        ("+-", 20, 55),  # time for two that pass
        ("+-+", 20, 55),
        ("+-", 0.5, 16),
        ("+-", 600, 195),  # but nobody waits for ever
    ],
)
def test_a_check_that_failed_once_is_given_time_to_pass_again(
    said: str, apart: float, seconds: float
) -> None:
    was, now = one(), one(said=said, healthcheck_interval=apart)
    other = one("db", "+-", healthcheck_interval=1000)  # none of ours
    assert health.patience({was.id: was}, Running((now, other)), 15) == seconds


@pytest.mark.parametrize(
    ("healthcheck", "seconds"),
    [
        ({"Test": ["CMD", "x"], "Interval": 10_000_000_000, "Timeout": 500_000_000}, 10.5),
        ({"Test": ["CMD", "x"], "Interval": 0}, 60),  # the engine's own
        ({"Test": ["NONE"]}, 0),
        ({}, 0),
    ],
)
def test_how_far_apart_checks_are(healthcheck: dict[str, object], seconds: float) -> None:
    assert model.healthcheck_interval(healthcheck) == seconds


class Checked(FakeTarget):
    """A target whose container is checked every ten seconds, while nobody waits in truth.

    Args:
        said: how its checks come out, one after the other; see `checks`.
        now: the seconds that have passed.
    """

    def __init__(self, said: str, now: list[float]) -> None:
        super().__init__({})
        self.said, self.now = said, now

    def observe(self, project: str) -> Running:
        self.now[0] += 1
        done = 1 + int(self.now[0] // 10)
        return Running((one(said=self.said[:done], healthcheck_interval=10.5),))


@pytest.mark.parametrize(
    ("said", "settle", "says"),
    [
        ("+-+++", 15, ""),  # the second that passes comes after the fifteen seconds
        ("+-+-+", 15, "api is healthy and is not, by turns"),
        ("+-", 15, "api is healthy and is not, by turns"),
        ("+", 15, ""),
        ("+-", 0, ""),
    ],
)
def test_the_last_wait_of_a_deploy(
    monkeypatch: pytest.MonkeyPatch, said: str, settle: float, says: str
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    was, target = one(), Checked(said, now)
    now[0] += 9 if not settle else 0
    with pytest.raises(GateFailed, match=says) if says else nullcontext():
        gates.await_lasting(settle, {was.id: was}, ("api",), target, "shop", Recorder())


def test_what_was_ready_before_has_to_be_still() -> None:
    sick = one("db", state="exited", exit_code=1)
    assert health.read(Running((one(),)), ["api"], earlier=["db"]).final
    reading = health.read(Running((one(), sick)), ["api"], earlier=["db"])
    assert (reading.final, reading.reason) == (True, "db exited with 1")
    assert health.read(Running((one(), one("db"))), ["api"], earlier=["db"]).ready


def test_only_restarts_of_this_wait_are_a_crash_loop() -> None:
    now = Running((one(state="restarting", restarts=6),))
    assert health.read(now, ["api"]).final
    assert health.read(now, ["api"], restarts={"api-1": 4}).final
    assert not health.read(now, ["api"], restarts={"api-1": 5}).final
