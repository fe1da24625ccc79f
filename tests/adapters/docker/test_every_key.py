"""Every key of a service in the Compose Specification: plan, verify and drift see its change.

tests/data/compose-service-keys.yaml has the keys. What is not compared stands in
docs/reference/compared.md, with why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from morphops.adapters.docker import model, settings, shapes
from morphops.adapters.docker.normal import NOT_OF_A_CONTAINER
from morphops.core.plan import changes
from morphops.core.plan.changes import Before, Change
from morphops.core.seal import Seal
from morphops.core.stack import Content, Instance, LaunchConfig, Running, Service
from morphops.core.verify import drift
from tests.paths import ROOT
from tests.samples.releases import API, RELEASE, container

KEYS: dict[str, dict[str, Any]] = yaml.load(
    (ROOT / "tests" / "data" / "compose-service-keys.yaml").read_text(),
    getattr(yaml, "CSafeLoader", yaml.SafeLoader),  # every worker reads it
)
SEAL = Seal(b"k" * 32)
COMPARED = [key for key, row in KEYS.items() if row["seen"] in ("recorded", "engine", "content")]
SHOWN = [key for key, row in KEYS.items() if "shown" in row]


def service(spec: Mapping[str, Any], *contents: Content) -> Service:
    return model.service("web", {"image": str(API.ref), **spec}, contents, SEAL)


def of_key(key: str) -> tuple[Service, Service]:
    """The same service with the one value of a key, and with the other."""
    first, second = (service({key: value}) for value in KEYS[key]["values"])
    return first, second


def made_from(wanted: Service) -> Instance:
    return replace(container("web", wanted.config), parts=wanted.parts)


def plan(wanted: Service, present: Instance) -> Change:
    images = [replace(API, ref=API.ref)]
    (change,) = changes.of_deploy(images, {"web": wanted}, Running((present,)), Before())
    return change


def found(wanted: Service, present: Instance, shape: LaunchConfig | None = None) -> list[str]:
    shapes_ = {present.id: shape} if shape else {}
    running = Running((present,))
    return [d.what for d in drift.compare(RELEASE, {"web": wanted}, running, shapes_)]


@pytest.mark.parametrize("key", [key for key in COMPARED if key != "image"])
def test_a_change_is_seen_by_plan_verify_and_drift(key: str) -> None:
    before, after = of_key(key)
    present = made_from(before)
    assert found(before, present) == []
    assert plan(before, present).action == "keep"
    change = plan(after, present)
    assert change.action == "replace"
    told = {"environment": change.variables.changed}.get(key, change.keys)
    assert told == (("A",) if key == "environment" else (key,))
    (what,) = found(after, present)
    assert ("variable A" if key == "environment" else key) in what


def test_another_image_is_another_configuration() -> None:
    before, after = of_key("image")
    assert before.config != after.config
    assert before.parts == after.parts


@pytest.mark.parametrize("key", [key for key, row in KEYS.items() if row["seen"] == "not"])
def test_what_reaches_no_container_replaces_none(key: str) -> None:
    before, after = of_key(key)
    assert before.config == after.config
    assert before.parts == after.parts


def test_what_is_left_out_is_what_the_table_says() -> None:
    assert {key for key, row in KEYS.items() if row["seen"] == "not"} == NOT_OF_A_CONTAINER


def inspected(shown: Mapping[str, Any]) -> LaunchConfig:
    """What the engine shows, as the target reads it."""
    whole = {"Config": {}, "HostConfig": {}, "Mounts": [], **shown}
    said, by_default = settings.found(settings.Container(whole, {}))
    return replace(shapes.shape_of_container(whole, {}), settings=said, by_default=by_default)


@pytest.mark.parametrize("key", SHOWN)
def test_a_change_by_hand_is_seen(key: str) -> None:
    wanted, _ = of_key(key)
    as_asked, by_hand = (inspected(shown) for shown in KEYS[key]["shown"])
    assert found(wanted, made_from(wanted), as_asked) == []
    assert len(found(wanted, made_from(wanted), by_hand)) == 1


@pytest.mark.parametrize(
    "shown",
    [
        {"HostConfig": {"Memory": 1}},
        {"HostConfig": {"NanoCpus": 1}},
        {"HostConfig": {"CpuShares": 1}},
        {"HostConfig": {"PidsLimit": 1}},
        {"HostConfig": {"RestartPolicy": {"Name": "always"}}},
        {"HostConfig": {"Sysctls": {"a": "1"}}},
        {"Config": {"Labels": {"own": "1"}}},
        {"Config": {"Healthcheck": {"Test": ["NONE"]}}},
    ],
)
def test_a_limit_that_nobody_asked_for_is_seen(shown: Mapping[str, Any]) -> None:
    wanted = service({})
    assert found(wanted, made_from(wanted), inspected({})) == []
    assert len(found(wanted, made_from(wanted), inspected(shown))) == 1


def test_a_limit_is_told_with_both_values() -> None:
    wanted = service({"mem_limit": "268435456"})
    by_hand = inspected({"HostConfig": {"Memory": 1073741824}})
    assert found(wanted, made_from(wanted), by_hand) == [
        "mem_limit is 1073741824, the release says 268435456"
    ]


@pytest.mark.parametrize("kind", ["config", "secret", "host-file"])
def test_another_content_is_seen(kind: Any) -> None:
    def given(digest: str) -> Service:
        return service({}, Content(kind=kind, name="x", digest=digest))

    before, after = given("1"), given("2")
    present = made_from(before)
    change = plan(after, present)
    assert (change.action, change.contents) == ("replace", (f"{kind.replace('-', ' ')} x",))
    (difference,) = drift.compare(RELEASE, {"web": after}, Running((present,)), {})
    assert difference.kind == ("host-file" if kind == "host-file" else "config")
    assert f"{kind.replace('-', ' ')} x" in difference.what


def test_a_file_of_the_machine_that_is_gone() -> None:
    before = service({}, Content(kind="host-file", name="/x", digest="1"))
    after = service({}, Content(kind="host-file", name="/x", digest=""))
    assert found(after, made_from(before)) == ["host file /x is gone"]


def test_what_an_earlier_version_created_says_so() -> None:
    present = replace(container("web", "c0"), parts=None)
    (what,) = found(service({}), present)
    assert "earlier version" in what
    assert plan(service({}), present).compared_with == "container"


def test_what_another_state_folder_created_is_judged_by_what_the_engine_shows() -> None:
    theirs = model.service(
        "web", {"image": str(API.ref), "environment": {"A": "1"}}, (), Seal(b"x")
    )
    ours = service({"environment": {"A": "1"}})
    assert theirs.config != ours.config
    same, other = (inspected({"Config": {"Env": [line]}}) for line in ("A=1", "A=2"))
    assert found(ours, made_from(theirs), same) == []
    assert found(ours, made_from(theirs), other) == ["the value of A is another"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"command": None, "entrypoint": None}, {}),
        ({"cpus": 0.5, "mem_limit": 1000}, {"cpus": "0.5", "mem_limit": "1000"}),
        ({"extra_hosts": ["a=1.1.1.1"]}, {"extra_hosts": ["a:1.1.1.1"]}),
        ({"extra_hosts": ["a=::1"]}, {"extra_hosts": ["a:[::1]"]}),
        (
            {"secrets": [{"source": "s"}]},
            {"secrets": [{"source": "s", "target": "/run/secrets/s"}]},
        ),
        (
            {"configs": [{"source": "c", "mode": 288}]},
            {"configs": [{"source": "c", "mode": "0440"}]},
        ),
        ({"ulimits": {"nofile": 5}}, {"ulimits": {"nofile": {"soft": 5, "hard": 5}}}),
        (
            {"devices": ["/dev/a:/dev/b:rwm"]},
            {"devices": [{"source": "/dev/a", "target": "/dev/b"}]},
        ),
        ({"deploy": {"placement": {}, "replicas": 2}}, {}),
        ({"x-own": 1}, {}),
        (
            {"ports": [{"mode": "ingress", "target": 80, "published": "1", "protocol": "tcp"}]},
            {"ports": [{"target": 80, "published": "1"}]},
        ),
        (
            {"volumes": [{"type": "bind", "source": "/a", "target": "/b", "bind": {}}]},
            {
                "volumes": [
                    {
                        "type": "bind",
                        "source": "/a",
                        "target": "/b",
                        "bind": {"create_host_path": True},
                    }
                ]
            },
        ),
    ],
)
def test_the_version_that_rendered_it_does_not_matter(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert service(one).config == service(other).config


def test_parts_are_read_as_they_were_written() -> None:
    wanted = service({"user": "1", "environment": {"A": "$x"}})
    assert model.parts_of(model.text_of(wanted.parts)) == wanted.parts


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "7", '{"key":"x"}', "{" * 5000, '{"key":1,"variables":[]}']
)
def test_a_label_that_nobody_can_read_says_nothing(text: str) -> None:
    assert model.parts_of(text) is None


def test_no_value_stands_in_a_label() -> None:
    secret = "sk-sentinel-8c1f0e5d"
    wanted = service({"environment": {"TOKEN": secret}, "labels": {"a": secret}})
    assert secret not in model.text_of(wanted.parts)
    assert secret not in str(wanted.launch)


def test_the_page_lists_what_is_compared() -> None:
    page = (ROOT / "docs" / "reference" / "compared.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE))
    assert rows == {key: row["seen"] for key, row in KEYS.items()}
