"""Containers that nobody expected: each is read, or shown as unreadable, and stops nobody."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.docker import model, published
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.compose import ComposeTarget
from morphops.core.stack import Instance, Port
from tests.adapters.docker.fake_engine import FakeEngine, says

PLAIN: dict[str, Any] = {
    "Id": "a" * 64,
    "Name": "/p-api-1",
    "Image": f"sha256:{'1' * 64}",
    "RestartCount": 0,
    "State": {"Status": "running", "ExitCode": 0, "Health": {"Status": "healthy", "Log": []}},
    "Config": {
        "Env": ["A=1"],
        "Labels": {"com.docker.compose.service": "api", "com.docker.compose.project": "p"},
        "Healthcheck": {"Test": ["CMD", "true"]},
    },
    "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}},
    "NetworkSettings": {"Networks": {"p_default": {}}, "Ports": {}},
    "Mounts": [],
}
GOT = {
    "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "20131"}, {"HostIp": "::", "HostPort": "20131"}]
}
LOOPBACK = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "20131"}]}


def odd(path: str, value: object) -> dict[str, Any]:
    """The plain container with another value at a path."""
    made = copy.deepcopy(PLAIN)
    at: Any = made
    *before, last = path.split("/")
    for key in before:
        at = at[key]
    at[last] = value
    return made


ANY: list[object] = [None, "odd", 7, [], [None], {}, [7]]
# Each place of a container's description, and what engines, other tools or people put there.
VALUES: dict[str, list[object]] = {
    **dict.fromkeys(PLAIN, ANY),
    **{f"State/{key}": ANY for key in PLAIN["State"]},
    **{f"Config/{key}": ANY for key in PLAIN["Config"]},
    "State/Health/Log": [None, [None], [{}], [{"Start": 1}], "odd"],
    "HostConfig/PortBindings": [
        None,
        {"80/tcp": None},
        {"80/tcp": [{}]},
        {"80/tcp": [None]},
        {"80": [{"HostIp": "", "HostPort": "1"}]},
        {"tcp": [{"HostIp": "", "HostPort": "1"}]},
        {"80/tcp": [{"HostIp": "", "HostPort": "20130-20135"}]},
        {"80/tcp": [{"HostIp": "", "HostPort": "٣"}]},
    ],
    "Config/StopTimeout": [None, "10", -1, []],
    "Config/Labels": [
        {"com.docker.compose.container-number": text} for text in ("x", "", "1.5", "²", None, 3)
    ],
    "NetworkSettings/Networks": [None, {}, [], 7],
    "NetworkSettings/Ports": [None, {}, {"80/tcp": None}, [], 7],
}
ODD = [odd(path, value) for path, values in VALUES.items() for value in values]


@pytest.mark.parametrize("container", ODD)
def test_every_description_can_be_looked_at(container: dict[str, Any]) -> None:
    seen = model.seen(container, "config")
    assert isinstance(seen, Instance)
    assert seen.state == "unreadable" or seen == model.instance(container, "config")
    assert seen.state != "unreadable" or not seen.ready


def test_one_that_cannot_be_read_leaves_the_others_as_they_are(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = {**PLAIN, "Id": "b" * 64, "Name": "/p-odd-1", "State": None, "Config": None}
    there = [PLAIN, {**other, "HostConfig": None}]
    fake.answers |= {
        "/info": says({"DriverStatus": []}),
        "/containers/json": says([{"Id": one["Id"], "Labels": None} for one in there]),
        "/images/json": says([]),
        **{f"/containers/{one['Id']}/json": says(one) for one in there},
    }
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    target = ComposeTarget(Docker(), str)
    running = target.observe("p")
    assert [(c.service, c.state) for c in running.containers] == [
        ("api", "running"), ("p-odd-1", "unreadable"),
    ]  # fmt: skip
    shapes = target.launch_configs(running)
    assert shapes["a" * 64].variables == {"A"}
    assert "b" * 64 in shapes
    assert [one["Config"]["Env"] for one in target.describe(running)] == [["A"], []]


@pytest.mark.parametrize(
    ("driver", "says_"),
    [
        ("none", "the log driver of api keeps nothing that can be read"),
        ("json-file", "could not read the logs of api"),
        (None, "could not read the logs of api"),
    ],
)
def test_logs_that_cannot_be_read(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, driver: str | None, says_: str
) -> None:
    how = {"LogConfig": driver and {"Type": driver}}
    fake.answers[f"/containers/{PLAIN['Id']}/json"] = says({**PLAIN, "HostConfig": how})
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    (line,) = ComposeTarget(Docker(), str).logs(model.seen(PLAIN, "config"), 10)
    assert line.startswith(says_)


@pytest.mark.parametrize(
    ("asked", "got", "ports"),
    [
        ([("", "8080")], {}, (Port("", 8080, 80),)),
        ([("::1", "8080"), ("", "")], {}, ()),  # of one that does not run
        ([("", "20130-20135")], {"Ports": GOT}, (Port("", 20131, 80),)),
        ([("127.0.0.1", "20130-20135")], {"Ports": LOOPBACK}, (Port("127.0.0.1", 20131, 80),)),
        ([("", "")], {"Ports": GOT}, (Port("", 20131, 80),)),
        ([("", "0")], {"Ports": GOT}, (Port("", 20131, 80),)),
        ([("0.0.0.0", "0")], {"Ports": GOT}, (Port("0.0.0.0", 20131, 80), Port("::", 20131, 80))),
        ([("", "20130-20135")], {"Ports": {"80/tcp": None}}, ()),
        ([("", "20130-20135")], {}, ()),
        ([("", "70000")], {}, ()),
    ],
)
def test_the_ports_are_those_that_are_bound(
    asked: list[tuple[str, str]], got: dict[str, Any], ports: tuple[Port, ...]
) -> None:
    bindings = {"80/tcp": [{"HostIp": host, "HostPort": text} for host, text in asked]}
    inspected = {"HostConfig": {"PortBindings": bindings}, "NetworkSettings": got}
    assert published.of_container(inspected) == ports


def test_what_a_container_publishes_has_its_protocol() -> None:
    bindings = {"53/udp": [{"HostIp": "", "HostPort": "53"}], "81/tcp": None}
    inspected = {"HostConfig": {"PortBindings": bindings}}
    assert published.of_container(inspected) == (Port("", 53, 53, "udp"),)


def test_a_range_is_the_ports_of_which_one_is_taken() -> None:
    ports = [
        {"target": 80, "published": "20130-20132", "host_ip": "127.0.0.1"},
        {"target": 81, "published": "8081"},
        {"target": 82},
        {"target": 83, "published": "1-65000"},
    ]
    made = model.service("api", {"image": "x", "ports": ports})
    assert made.ports == (Port("", 8081, 81),)
    assert made.port_ranges == (
        tuple(Port("127.0.0.1", number, 80) for number in (20130, 20131, 20132)),
    )
