"""What services need from outside: read from the model, and looked for on an engine."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from morphops.adapters.docker import lock_image, model, outside, trial
from morphops.adapters.docker.client import Docker
from morphops.core.outside import NO_NEEDS, Needs, Outside
from tests.adapters.docker.fake_engine import Behaviour, FakeEngine, says

MODEL: dict[str, Any] = {
    "services": {
        "plain": {"image": "x", "networks": {"default": None}, "volumes": []},
        "full": {
            "image": "x",
            "container_name": "shop-redis",
            "runtime": "nvidia",
            "platform": "linux/arm64",
            "networks": {"edge": {"ipv4_address": "10.0.0.5"}, "default": None},
            "volumes": [
                {"type": "volume", "source": "rows", "target": "/rows"},
                {"type": "volume", "source": "own", "target": "/own"},
                {"type": "volume", "target": "/anonymous"},
                {
                    "type": "bind",
                    "source": "/a",
                    "target": "/a",
                    "bind": {"create_host_path": True},
                },
                {"type": "bind", "source": "/b", "target": "/b"},
                {"type": "bind", "source": "/d", "target": "/d", "bind": {}},
                {
                    "type": "bind",
                    "source": "/c",
                    "target": "/c",
                    "bind": {"create_host_path": False},
                },
            ],
            "secrets": [{"source": "pw", "target": "/run/secrets/pw"}],
        },
    },
    "networks": {"default": {"name": "p_default"}, "edge": {"name": "shop-edge", "external": True}},
    "volumes": {"rows": {"name": "rows", "external": True}, "own": {"name": "p_own"}},
    "secrets": {"pw": {"file": "/etc/pw"}},
}
FULL = Needs(
    networks=frozenset({"shop-edge"}),
    volumes=frozenset({"rows"}),
    container_name="shop-redis",
    addresses=frozenset({"shop-edge/10.0.0.5"}),
    runtime="nvidia",
    platform="linux/arm64",
)


def test_what_the_model_says() -> None:
    services = model.services(MODEL)
    assert services["full"].needs == FULL
    assert services["plain"].needs == NO_NEEDS


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ({"IPAMConfig": {"IPv4Address": "10.0.0.5"}, "IPAddress": "10.0.0.5"}, {"e/10.0.0.5"}),
        ({"IPAMConfig": None, "IPAddress": "10.0.0.5"}, set()),
        (None, set()),
    ],
)
def test_only_addresses_that_were_asked_for_count(endpoint: Any, found: set[str]) -> None:
    assert outside.addresses({"NetworkSettings": {"Networks": {"e": endpoint}}}) == found


def container(name: str, **marks: str) -> dict[str, Any]:
    labels = {f"com.docker.compose.{key}": value for key, value in marks.items()}
    return {"Id": name, "Names": [f"/{name}"], "Labels": labels or None}


@pytest.mark.parametrize(
    ("holder", "names"),
    [
        (container("shop-redis", project="p"), {}),
        (container("other"), {}),
        (container("shop-redis"), {"shop-redis": "a container of no stack"}),
        (container("shop-redis", project="q"), {"shop-redis": "a container of q"}),
        (container("shop-redis", project="p", oneoff="True"), {"shop-redis": "a container of p"}),
    ],
)
def test_what_the_engine_lacks(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, holder: dict[str, Any], names: dict[str, str]
) -> None:
    fake.answers |= {
        "/networks": says([{"Name": "bridge"}]),
        "/volumes": says({"Volumes": None}),
        "/info": says({"Runtimes": {"runc": {}}}),
        "/containers/json": says([holder]),
    }
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    assert outside.look(Docker(), "p", [FULL, NO_NEEDS]) == Outside(
        networks=FULL.networks,
        volumes=FULL.volumes,
        runtimes=frozenset({"nvidia"}),
        names=names,
    )


def test_what_nobody_needs_is_not_asked_for(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    assert outside.look(Docker(), "p", [NO_NEEDS]) == Outside()
    assert fake.asked == []


SYSLOG = {"driver": "syslog", "options": {"syslog-address": "tcp://10.0.0.9:514"}}
REQUEST = {"Driver": "", "DeviceIDs": [], "Options": {}, "Capabilities": [["gpu"]]}


@pytest.mark.parametrize(
    ("spec", "config"),
    [
        ({}, None),
        ({"logging": {"driver": "json-file", "options": {"max-size": "1m"}}}, None),
        ({"logging": {"driver": "none"}}, None),
        ({"logging": {}}, None),
        (
            {"logging": SYSLOG},
            {"LogConfig": {"Type": "syslog", "Config": SYSLOG["options"]}},
        ),
        ({"gpus": [{"count": -1}]}, {"DeviceRequests": [{**REQUEST, "Count": -1}]}),
        (
            {"gpus": [{"device_ids": ["0"]}]},
            {"DeviceRequests": [{**REQUEST, "Count": 0, "DeviceIDs": ["0"]}]},
        ),
        (
            {
                "deploy": {
                    "resources": {
                        "reservations": {
                            "devices": [
                                {"driver": "cdi", "count": "all", "capabilities": ["a", "b"]}
                            ]
                        }
                    }
                }
            },
            {
                "DeviceRequests": [
                    {**REQUEST, "Driver": "cdi", "Count": -1, "Capabilities": [["a", "b"]]}
                ]
            },
        ),
        ({"deploy": {"resources": {"limits": {"cpus": "1"}}}}, None),
    ],
)
def test_what_only_a_start_can_show(spec: dict[str, Any], config: dict[str, Any] | None) -> None:
    found = trial.of_service(spec)
    assert (json.loads(found) if found else None) == config


@pytest.mark.parametrize(
    ("started", "says_"),
    [
        (says(b"", 204), {}),
        (
            says({"message": "could not select device driver"}, 500),
            {"{}": "could not select device driver"},
        ),
    ],
)
def test_a_start_is_tried(
    fake: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    started: Behaviour,
    says_: dict[str, str],
) -> None:
    old = {"Id": "left", "Created": 1, "Labels": {"morphops.trial": ""}}
    new = {"Id": "another's", "Created": time.time(), "Labels": {"morphops.trial": ""}}
    image = lock_image.reference()
    fake.answers |= {
        f"/images/{image}/json": says({"Id": "sha256:1"}),
        "/containers/json": says([old, new]),
        "/containers/create": says({"Id": "made"}, 201),
        "/containers/made/start": started,
        "/containers/made": says(b"", 204),
        "/containers/left": says(b"", 204),
    }
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    needs = replace(NO_NEEDS, trial="{}")
    assert outside.look(Docker(), "p", [needs, needs]).refused == says_
    removed = [path for _, method, path, _ in fake.asked if method == "DELETE"]
    assert removed == ["/v1.46/containers/left", "/v1.46/containers/made"]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("spec", "says_"),
    [
        ({"logging": SYSLOG | {"options": {"syslog-address": "tcp://127.0.0.1:1"}}}, "refused"),
        ({"logging": SYSLOG | {"options": {"syslog-address": "udp://127.0.0.1:1"}}}, ""),
        ({"logging": {"driver": "no-such-driver"}}, "no-such-driver"),
        ({"logging": SYSLOG | {"options": {"syslog-adress": "x"}}}, "unknown log opt"),
        ({"gpus": [{"count": -1, "driver": "no-such-driver"}]}, "no-such-driver"),
    ],
)
def test_a_start_on_an_engine(spec: dict[str, Any], says_: str) -> None:
    why = trial.refusal(Docker(), trial.of_service(spec))
    assert (says_ in why) if says_ else not why
    assert not Docker().engine.containers(label=["morphops.trial"])
