"""Waves and jobs, from what depends on what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.core.bundle.derive.waves import deadline, dependencies, has_health_check, jobs, waves
from morphops.errors import ConfigError

STARTED, ENDED = "service_started", "service_completed_successfully"


def needs(*names: str, ended: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "depends_on": {
            **{name: {"condition": STARTED} for name in names},
            **{name: {"condition": ENDED} for name in ended},
        }
    }


def order(services: dict[str, dict[str, Any]], **probes: list[str]) -> list[list[str]]:
    return [wave["services"] for wave in waves(services, jobs(services), probes)]


def test_each_service_comes_behind_what_it_depends_on() -> None:
    services: dict[str, dict[str, Any]] = {"web": needs("db", "cache"), "db": {}, "cache": {}}
    assert order(services) == [["db", "cache"], ["web"]]


def test_a_job_has_a_wave_of_its_own_and_comes_first_in_its_place() -> None:
    services: dict[str, dict[str, Any]] = {
        "worker": needs("db"),
        "web": needs(ended=("migrate",)),
        "migrate": needs("db"),
        "db": {},
    }
    assert jobs(services) == ("migrate",)
    assert order(services) == [["db"], ["migrate"], ["worker"], ["web"]]


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        ({"links": ["db:database", "cache"]}, ["db", "cache"]),
        ({"volumes_from": ["db:ro", "container:x"]}, ["db"]),
        ({"network_mode": "service:vpn"}, ["vpn"]),
        ({"network_mode": "host", "pid": "service:a", "ipc": "service:b"}, ["b", "a"]),
    ],
)
def test_what_compose_starts_before(service: dict[str, Any], wanted: list[str]) -> None:
    assert list(dependencies(service)) == wanted


def test_a_circle_is_refused_with_its_names() -> None:
    services = {"a": needs("b"), "b": needs("c"), "c": needs("b")}
    with pytest.raises(ConfigError, match="in a circle: b → c → b"):
        order(services)


def test_a_probe_belongs_to_the_wave_of_the_last_service_that_it_needs() -> None:
    services: dict[str, dict[str, Any]] = {"a": {}, "b": needs("a"), "c": needs("b")}
    made = waves(services, (), {"pair": ["a", "b"], "none": ["gone"]})
    assert [wave.get("probes") for wave in made] == [None, ["pair"], None]


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        ({}, 120),
        ({"test": ["CMD", "x"], "interval": "5s", "retries": "3"}, 120),
        ({"test": "x", "interval": "10s", "timeout": "5s", "retries": "20"}, 205),
        ({"test": "x", "start_period": "5m"}, 420),
        ({"test": "x", "start_period": "1h", "disable": "true"}, 120),
        ({"test": ["NONE"], "start_period": "1h"}, 120),
        ({"test": "x", "interval": "${INTERVAL}"}, 120),
    ],
)
def test_a_deadline_is_no_shorter_than_a_health_check_may_take(
    check: dict[str, Any], seconds: int
) -> None:
    assert deadline([{"healthcheck": check}, {}]) == seconds


def test_health_checks() -> None:
    assert has_health_check({"healthcheck": {"test": "x"}})
    assert not has_health_check({"healthcheck": {"interval": "1s"}})
    assert not has_health_check({})


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    names = draw(st.lists(st.sampled_from("abcdefghij"), unique=True))
    services = {}
    for place, name in enumerate(names):
        below = st.lists(st.sampled_from(names[:place]), unique=True) if place else st.just([])
        found = draw(below)
        ended = tuple(found[: draw(st.integers(0, len(found)))])
        services[name] = needs(*found[len(ended) :], ended=ended)
    return {name: services[name] for name in draw(st.permutations(names))}


@given(stacks())
def test_every_order_is_right(services: dict[str, dict[str, Any]]) -> None:
    made = order(services)
    place = {name: number for number, wave in enumerate(made) for name in wave}
    assert sorted(name for wave in made for name in wave) == sorted(services)
    for name, service in services.items():
        assert all(place[other] < place[name] for other in dependencies(service))
    ends = set(jobs(services))
    assert all(set(wave) <= ends or not set(wave) & ends for wave in made)
