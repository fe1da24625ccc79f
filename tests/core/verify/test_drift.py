"""Differences between the release of record and what runs: a table of kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from morphops.adapters.docker import model, shapes
from morphops.core.stack import Identity, Instance, LaunchConfig, Network, Running, Service
from morphops.core.verify import drift
from tests.samples.releases import API as IMAGE
from tests.samples.releases import RELEASE

SHAPE = LaunchConfig(
    command=("serve", "--x=$1"),
    user="10001",
    variables=frozenset({"A", "B"}),
    mounts=frozenset({("/data", "/srv", False), ("/v", "v", True)}),
    dropped=frozenset({"ALL"}),
    no_new_privileges=True,
    read_only=True,
)
SERVICE = Service("web", str(IMAGE.ref), "c1", launch=SHAPE)
CONTAINER = Instance(
    "web", "id", Identity("config", IMAGE.config), "running", "healthy", config="c1"
)


def kinds(
    container: Instance | None = CONTAINER, shape: LaunchConfig = SHAPE
) -> list[tuple[str, str]]:
    running = Running((container,) if container else ())
    found = drift.compare(RELEASE, {"web": SERVICE}, running, {"id": shape})
    return [(difference.kind, difference.subject) for difference in found]


def test_what_is_as_released_has_none() -> None:
    assert kinds() == []
    # What the release leaves to the image is not compared.
    service = replace(SERVICE, launch=replace(SHAPE, command=None, user=""))
    found = drift.compare(RELEASE, {"web": service}, Running((CONTAINER,)), {"id": SHAPE})
    assert found == ()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"image": Identity("config", "sha256:" + "9" * 64)}, "image"),
        ({"config": "c2"}, "config"),
        ({"state": "exited"}, "unhealthy"),
        ({"health": "unhealthy"}, "unhealthy"),
        ({"health": "starting"}, "unhealthy"),
    ],
)
def test_a_container_that_differs(changes: dict[str, Any], kind: str) -> None:
    assert kinds(replace(CONTAINER, **changes)) == [(kind, "web")]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"command": ("serve", "--fallback")}, "config"),
        ({"user": "0"}, "config"),
        ({"mounts": frozenset()}, "config"),
        ({"dropped": frozenset()}, "config"),
        ({"added": frozenset({"NET_ADMIN"})}, "config"),
        ({"no_new_privileges": False}, "config"),
        ({"read_only": False}, "config"),
        ({"privileged": True}, "config"),
        ({"variables": frozenset({"A"})}, "env keys"),
        ({"variables": frozenset({"A", "B", "C"})}, "env keys"),
    ],
)
def test_a_shape_that_differs(changes: dict[str, Any], kind: str) -> None:
    assert kinds(shape=replace(SHAPE, **changes)) == [(kind, "web")]


def test_missing_and_extra() -> None:
    assert kinds(None) == [("missing", "web")]
    assert kinds(replace(CONTAINER, service="old")) == [("extra", "old"), ("missing", "web")]


@pytest.mark.parametrize(
    ("count", "there", "found"),
    [
        (2, 2, []),
        (2, 1, [("missing", "1 of 2 containers are there")]),
        (1, 2, [("extra", "2 containers are there, the release says 1")]),
        (2, 0, [("missing", "there is no container")]),
    ],
)
def test_too_few_and_too_many(count: int, there: int, found: list[tuple[str, str]]) -> None:
    service = replace(SERVICE, replicas=count)
    present = tuple(replace(CONTAINER, id=f"id{n}", replica_index=n + 1) for n in range(there))
    says = drift.compare(RELEASE, {"web": service}, Running(present), {})
    assert [(difference.kind, difference.what) for difference in says] == found


def test_a_service_and_its_container_have_the_same_shape() -> None:
    spec = {
        "command": ["serve", "--x=$$1"],
        "user": "10001",
        "environment": {"A": "1", "B": None},
        "volumes": [
            {"type": "bind", "source": "/srv", "target": "/data", "read_only": True},
            {"type": "volume", "source": "v", "target": "/v"},
            {"type": "tmpfs", "target": "/tmp"},
        ],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "read_only": True,
    }
    inspected = {
        "Path": "/bin/web",
        "Args": ["serve", "--x=$1"],
        "Config": {"Cmd": ["serve", "--x=$1"], "User": "10001", "Env": ["A=1", "B=2", "PATH=/"]},
        "HostConfig": {
            "CapDrop": ["CAP_ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
        },
        "Mounts": [
            {"Type": "bind", "Source": "/srv", "Destination": "/data", "RW": False},
            {"Type": "volume", "Name": "v", "Destination": "/v", "RW": True},
        ],
    }
    assert shapes.shape_of_service(spec) == replace(SHAPE, argv=("serve", "--x=$1"))
    found = shapes.shape_of_container(inspected, {"Env": ["PATH=/"]})
    assert found == replace(
        SHAPE,
        argv=("/bin/web", "serve", "--x=$1"),
        variables=frozenset({"A", "B", "PATH"}),
        inherited=frozenset({"PATH"}),
    )
    assert kinds(shape=found) == []


BIND = {"type": "bind", "source": "/srv/a/", "target": "/d/", "read_only": True}
MOUNTED = {"Type": "bind", "Source": "/srv/a", "Destination": "/d", "RW": False}
TOKEN = {"Type": "bind", "Source": "/t", "Destination": "/run/secrets/t", "RW": False}
VOLUME = {"Type": "volume", "Source": "/var/lib/x", "Destination": "/vol", "RW": True}


@pytest.mark.parametrize(
    ("spec", "config", "mounts", "image", "differs"),
    [
        ({"volumes": [BIND]}, {}, [MOUNTED], {}, False),
        ({"volumes": [BIND | {"source": "/srv/../srv/a"}]}, {}, [MOUNTED], {}, False),
        ({"environment": {"OWN": "2"}}, {"Env": ["OWN=2"]}, [], {"Env": ["OWN=1"]}, False),
        ({}, {"Env": ["OWN=1"]}, [], {"Env": ["OWN=1"]}, False),
        ({}, {}, [VOLUME], {"Volumes": {"/vol": {}}}, False),
        ({"secrets": [{"source": "t", "target": "/run/secrets/t"}]}, {}, [TOKEN], {}, False),
        ({"environment": {"OWN": "2"}}, {}, [], {"Env": ["OWN=1"]}, True),
        ({}, {"Env": ["MORE=1"]}, [], {"Env": ["OWN=1"]}, True),
        ({}, {}, [VOLUME], {}, True),
        ({}, {}, [TOKEN], {}, True),
        ({"volumes": [BIND]}, {}, [MOUNTED | {"RW": True}], {}, True),
    ],
)
def test_what_others_bring_is_no_difference(
    spec: dict[str, Any],
    config: dict[str, Any],
    mounts: list[dict[str, Any]],
    image: dict[str, Any],
    differs: bool,
) -> None:
    """As Compose 2.26 and Docker 26 were seen to write them."""
    service = replace(SERVICE, launch=shapes.shape_of_service(spec))
    inspected = {"Config": config, "HostConfig": {}, "Mounts": mounts}
    shape = shapes.shape_of_container(inspected, image)
    found = drift.compare(RELEASE, {"web": service}, Running((CONTAINER,)), {"id": shape})
    assert bool(found) is differs, found


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"shop_default", "ext"}, []),
        ({"ext"}, ["is not on the network shop_default"]),
        ({"shop_default", "ext", "z"}, ["is on the network z as well"]),
        (set(), ["is not on the network ext", "is not on the network shop_default"]),
    ],
)
def test_a_container_is_on_the_networks_that_were_released(
    found: set[str], says: list[str]
) -> None:
    networks = (Network("shop_default", "default", "d1"), Network("ext", "e"))
    service = replace(SERVICE, networks=networks)
    running = Running((replace(CONTAINER, networks=frozenset(found)),))
    differences = drift.compare(RELEASE, {"web": service}, running, {"id": SHAPE})
    assert [(d.kind, d.what) for d in differences] == [("network", what) for what in says]
    apart = [d.what for d in drift.missing_networks({"web": service}, running)]
    assert apart == [what for what in says if "not" in what]


DEFAULT = {"name": "shop_default", "ipam": {}}


@pytest.mark.parametrize(
    ("spec", "same"),
    [
        ({"labels": {"morphops.config": "x"}}, True),
        ({"labels": {}}, True),
        ({"labels": {"own": "1"}}, False),
        ({"internal": True}, False),
        ({"driver_opts": {"mtu": "1"}}, False),
        ({"ipam": {"config": [{"subnet": "10.0.0.0/8"}]}}, False),
    ],
)
def test_how_a_network_is_made(spec: dict[str, Any], same: bool) -> None:
    before, after = (model.network("default", {**DEFAULT, **more}) for more in ({}, spec))
    assert (before == after) is same
    service = {"networks": {"default": None}}
    renderings = [model.with_networks(service, {"default": n}) for n in (before, after)]
    assert (renderings[0] == renderings[1]) is same


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({"networks": {"default": None, "e": {"aliases": ["x"]}}}, ["shop_default", "ext"]),
        ({"network_mode": "host"}, ["host"]),
        ({"network_mode": "none"}, ["none"]),
        ({"network_mode": "service:web"}, []),
        ({}, []),
    ],
)
def test_what_a_service_is_attached_to(spec: dict[str, Any], names: list[str]) -> None:
    external = model.network("e", {"name": "ext", "external": True})
    assert external == Network("ext", "e")
    networks = {"default": model.network("default", DEFAULT), "e": external}
    assert [network.name for network in model.attached(spec, networks)] == names


NAMES = {"own": "shop_own", "shared": "shared"}
ANONYMOUS = "e3" * 32


def named(mounts: list[dict[str, Any]]) -> dict[str, Any]:
    return model.with_volumes({"volumes": mounts}, NAMES)


@pytest.mark.parametrize(
    ("source", "found", "differs"),
    [
        ("own", "shop_own", False),
        ("shared", "shared", False),
        (None, ANONYMOUS, False),
        ("own", "shop_other", True),
        ("own", "own", True),
        ("shared", "shop_shared", True),
        ("own", ANONYMOUS, True),
        (None, "shop_own", True),
    ],
)
def test_a_volume_is_the_one_that_was_released(
    source: str | None, found: str, differs: bool
) -> None:
    """Compose 2.26 renders volumes' names apart; Docker 26 makes up those of anonymous ones."""
    mount = {"type": "volume", "target": "/vol", **({"source": source} if source else {})}
    service = replace(SERVICE, launch=shapes.shape_of_service(named([mount])))
    mounted = {**VOLUME, "Name": found}
    inspected = {"Config": {}, "HostConfig": {}, "Mounts": [mounted]}
    shape = shapes.shape_of_container(inspected, {})
    says = drift.compare(RELEASE, {"web": service}, Running((CONTAINER,)), {"id": shape})
    says_so = "its mounts are others: /vol is not as released"
    assert [difference.what for difference in says] == [says_so] * differs


ONE = {"image": "x", "volumes": [{"type": "bind", "source": "/srv/one", "target": "/one"}]}
HELD = {"Type": "bind", "Source": "/srv/one", "Destination": "/one", "RW": True}
SECRET = {"Type": "bind", "Source": "/etc/pw", "Destination": "/run/secrets/renamed", "RW": False}


@pytest.mark.parametrize(
    ("spec", "mounts", "says"),
    [
        # compose-spec, `secrets` and `configs`, long syntax: `target`
        ({"secrets": [{"source": "pw", "target": "renamed"}]}, [SECRET], ""),
        ({"secrets": [{"source": "renamed"}]}, [SECRET], ""),
        ({"secrets": [{"source": "pw", "target": "other"}]}, [SECRET], "renamed is there as well"),
        ({"configs": [{"source": "one"}]}, [HELD], ""),
        ({"configs": [{"source": "conf", "target": "one"}]}, [HELD], ""),
        # compose-spec, `volumes_from`
        ({"volumes_from": ["one"]}, [HELD], ""),
        ({"volumes_from": ["one:rw"]}, [HELD], ""),
        ({"volumes_from": ["one:ro"]}, [{**HELD, "RW": False}], ""),
        ({"volumes_from": ["one:ro"]}, [HELD], "/one is not as released"),
        ({"volumes_from": ["one"]}, [], "/one is missing"),
        ({"volumes_from": ["container:any"]}, [HELD], ""),
        ({"volumes_from": ["web", "none"]}, [], ""),
        ({"volumes_from": ["two"]}, [HELD], ""),
    ],
)
def test_what_compose_mounts_and_does_not_write_into_volumes(
    spec: dict[str, Any], mounts: list[dict[str, Any]], says: str
) -> None:
    two = {"image": "x", "volumes_from": ["one"]}
    rendered = {"services": {"web": {"image": "x", **spec}, "one": ONE, "two": two}}
    launch = model.services(rendered)["web"].launch
    inspected = {"Config": {}, "HostConfig": {}, "Mounts": mounts}
    service, shape = replace(SERVICE, launch=launch), shapes.shape_of_container(inspected, {})
    found = drift.compare(RELEASE, {"web": service}, Running((CONTAINER,)), {"id": shape})
    assert [says in difference.what for difference in found] == [True] * bool(says)
