"""What a deploy does to each service, and in what it differs from what is there: tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.adapters.docker import model
from morphops.core.plan import changes
from morphops.core.plan.changes import Before, Change, Names
from morphops.core.results.deploy import (
    PlannedUndo,
    PlannedWave,
    PlanResult,
    ServiceChange,
    of_changes,
)
from morphops.core.seal import Seal
from morphops.core.stack import Identity, Instance, LaunchConfig, Network, Running, Service
from morphops.report import plan
from tests.samples.releases import API, RELEASE, container, digest, service

SECRET = "sk-sentinel-8c1f0e5d"
REF, OLD_REF = str(API.ref), f"r.example/api@{digest('0')}"


def of_deploy(
    new: Service, *present: Instance, old: Service | None = None, **shapes: LaunchConfig
) -> Change:
    before = Before({old.name: old} if old else {}, {f"{k}-id": v for k, v in shapes.items()})
    (change, *_) = changes.of_deploy(RELEASE.images, {new.name: new}, Running(present), before)
    return change


def rendered(**spec: Any) -> Service:
    """As the target makes it of what Compose renders."""
    return model.service("api", {"image": REF, "environment": {"A": "1", "TOKEN": SECRET}, **spec})


def created_from(spec: Service) -> Instance:
    return container("api", spec.config)


BASE = rendered()


@pytest.mark.parametrize(
    ("present", "action"),
    [
        ((), "create"),
        ((container("api"),), "keep"),
        ((container("api", state="exited"),), "start"),
        ((container("api", "c0"),), "replace"),
        ((container("api"), container("api", "c0")), "replace"),
        ((container("api", "c0", state="exited"),), "replace"),
    ],
)
def test_actions(present: tuple[Instance, ...], action: str) -> None:
    assert of_deploy(service("api"), *present).action == action


@pytest.mark.parametrize(
    ("count", "there", "action"),
    [(2, 2, "keep"), (2, 1, "scale"), (1, 2, "scale")],
)
def test_another_number_of_containers(count: int, there: int, action: str) -> None:
    present = [replace(container("api"), id=f"api-{n}") for n in range(there)]
    change = of_deploy(replace(service("api"), replicas=count), *present)
    assert (change.action, change.keys) == (action, ("scale",) if action == "scale" else ())


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ({}, 1),
        ({"scale": 2}, 2),
        ({"deploy": {"replicas": 3}}, 3),
        ({"deploy": {"resources": {}}}, 1),
        ({"scale": 0}, 0),
    ],
)
def test_how_many_containers_a_service_has(spec: dict[str, Any], count: int) -> None:
    assert rendered(**spec).replicas == count


@pytest.mark.parametrize(
    ("networks", "config", "action", "keys"),
    [
        ({"shop_default"}, "c1", "keep", ()),
        (set(), "c1", "replace", ("networks",)),
        ({"shop_default", "other"}, "c1", "replace", ("networks",)),
        (set(), "c0", "replace", ()),
    ],
)
def test_what_is_on_other_networks_is_replaced(
    networks: set[str], config: str, action: str, keys: tuple[str, ...]
) -> None:
    new = replace(service("api"), networks=(Network("shop_default", "default", "d1"),))
    present = replace(container("api", config), networks=frozenset(networks))
    change = of_deploy(new, present)
    assert (change.action, change.keys) == (action, keys)


@pytest.mark.parametrize(
    ("condition", "awaits"),
    [("service_healthy", set()), ("service_completed_successfully", {"once"})],
)
def test_what_is_waited_for_to_end(condition: str, awaits: set[str]) -> None:
    assert rendered(depends_on={"once": {"condition": condition}}).waits_for_completion == awaits


def test_a_number_that_comes_with_something_else() -> None:
    change = of_deploy(rendered(user="1", scale=2), created_from(BASE), old=BASE)
    assert (change.action, change.keys) == ("replace", ("scale", "user"))


def test_what_is_not_in_the_release_is_removed() -> None:
    running = Running((container("api"), container("old")))
    (kept, gone) = changes.of_deploy(RELEASE.images, {"api": service("api")}, running, Before())
    assert (kept.service, kept.action) == ("api", "keep")
    assert gone == Change(service="old", action="remove", image_from=API.config)
    old = replace(service("old"), image=OLD_REF)
    (_, gone) = changes.of_deploy(
        RELEASE.images, {"api": service("api")}, running, Before({"old": old})
    )
    assert gone.image_from == OLD_REF


@pytest.mark.parametrize(
    ("spec", "variables", "keys"),
    [
        ({"environment": {"A": "2", "TOKEN": SECRET}}, {"changed": ("A",)}, ()),
        ({"environment": {"A": "1", "TOKEN": "another"}}, {"changed": ("TOKEN",)}, ()),
        (
            {"environment": {"A": "1", "B": None}},
            {"added": ("B",), "removed": ("TOKEN",)},
            (),
        ),
        ({"command": ["serve", "--x"]}, {}, ("command",)),
        ({"volumes": [{"type": "bind", "source": "/a", "target": "/b"}]}, {}, ("volumes",)),
        ({"ports": [{"target": 80, "published": "81"}]}, {}, ("ports",)),
        ({"mem_limit": "1", "healthcheck": {"retries": 2}}, {}, ("healthcheck", "mem_limit")),
        ({"labels": {"own": "1"}}, {}, ("labels",)),
    ],
)
def test_two_renderings(
    spec: dict[str, Any], variables: dict[str, tuple[str, ...]], keys: tuple[str, ...]
) -> None:
    new = rendered(**spec)
    change = of_deploy(new, created_from(BASE), old=BASE)
    assert (change.action, change.compared_with) == ("replace", "release")
    assert (change.variables, change.keys) == (Names(**variables), keys)
    assert change.image_from == change.image_to == REF
    shown = [str(change), str(new), *plan.changes(of_changes([change]))]
    assert SECRET not in "".join(shown)


@pytest.mark.parametrize(
    "spec",
    [{"depends_on": {"db": {}}}, {"labels": {"morphops.release": "x", "morphops.config": "y"}}],
)
def test_what_replaces_no_container_is_no_change(spec: dict[str, Any]) -> None:
    assert of_deploy(rendered(**spec), created_from(BASE), old=BASE).action == "keep"


VALUES = st.dictionaries(st.sampled_from(["A", "B", "C"]), st.sampled_from(["1", "2", None]))
KEYS = st.dictionaries(
    st.sampled_from(["command", "user", "labels"]), st.sampled_from([{"x": 1}, {"x": 2}, {}])
)


@given(VALUES, VALUES, KEYS, KEYS)
def test_a_service_is_replaced_just_when_something_of_it_is_told(
    env: dict[str, Any], env_2: dict[str, Any], keys: dict[str, Any], keys_2: dict[str, Any]
) -> None:
    old, new = rendered(environment=env, **keys), rendered(environment=env_2, **keys_2)
    told = changes.between(old, new)
    differs = told.variables != Names() or bool(told.keys)
    action = of_deploy(new, created_from(old), old=old).action
    assert action == ("replace" if differs else "keep")


SHAPE = LaunchConfig(
    command=("serve",), variables=frozenset({"A", "B"}), dropped=frozenset({"ALL"})
)


def test_a_container_that_no_record_describes() -> None:
    new = service("api", launch=SHAPE)
    runs = replace(SHAPE, command=("other",), variables=frozenset({"A", "OLD", "PATH"}))
    runs = replace(runs, inherited=frozenset({"PATH"}), dropped=frozenset())
    stranger = replace(container("api", "c0"), image=Identity("config", digest("9")))
    described = replace(service("api"), config="c7")  # of record, and not what runs
    for old in (None, described):
        change = of_deploy(new, stranger, old=old, api=runs)
        assert change == Change(
            service="api",
            action="replace",
            compared_with="container",
            image_from=digest("9"),
            image_to=API.config,
            variables=Names(added=("B",), removed=("OLD",)),
            keys=("cap_drop", "command"),
        )


def test_a_container_that_remembers_what_it_was_created_from() -> None:
    old = rendered(user="1", environment={"A": "1", "TOKEN": "before"})
    made = replace(created_from(old), parts=old.parts)
    change = of_deploy(BASE, made)
    assert (change.action, change.compared_with) == ("replace", "labels")
    assert (change.variables, change.keys) == (Names(changed=("TOKEN",)), ("user",))
    # Digests that another key made say nothing.
    other = model.service("api", {"image": REF}, (), Seal(b"another"))
    assert of_deploy(BASE, replace(made, parts=other.parts)).compared_with == "container"


@pytest.mark.parametrize(
    ("identity", "to"),
    [
        (Identity("config", digest("9")), API.config),
        (Identity("config", API.config), API.config),
        (Identity("manifest", digest("9")), API.manifest),
        (Identity("manifest", API.manifest), API.manifest),
    ],
)
def test_images_are_compared_in_one_kind_of_digest(identity: Identity, to: str) -> None:
    change = of_deploy(service("api"), replace(container("api", "c0"), image=identity))
    assert (change.image_from, change.image_to) == (identity.digest, to)


def test_what_was_changed_by_hand_is_replaced() -> None:
    present = replace(container("api"), altered=("mem_limit", "configs"))
    change = of_deploy(service("api"), present)
    assert (change.action, change.keys) == ("replace", ("configs", "mem_limit"))
    # Of one that is replaced anyway the parts are told.
    assert of_deploy(service("api", "c2"), present).keys == ()


def view(**change: Any) -> ServiceChange:
    given = {"service": "api", "action": "replace", "compared_with": "release", **change}
    (shown,) = of_changes([Change(**given)])
    return shown


@pytest.mark.parametrize(
    ("row", "lines"),
    [
        (view(action="keep"), ["keep api"]),
        (view(action="create", image_to=REF), ["create api"]),
        (
            view(image_from=OLD_REF, image_to=REF),
            ["replace api", "    image: 000000000000 → aaaaaaaaaaaa"],
        ),
        (
            view(image_from=f"x/{REF}", image_to=REF),
            ["replace api", f"    image: x/{REF} → {REF}"],
        ),
        (
            view(variables=Names(added=("A", "B"), removed=("C",), changed=("D",))),
            ["replace api", "    variables: adds A, B; removes C; other value of D"],
        ),
        (
            view(contents=("config app.conf", "secret token"), compared_with="labels"),
            ["replace api", "    other content: config app.conf, secret token"],
        ),
        (
            view(keys=("command", "ports"), compared_with="container"),
            [
                "replace api",
                "    configuration: command, ports",
                "    compared with the container: an earlier version or another state folder made "
                "it, so the content of its files is not known",
            ],
        ),
    ],
)
def test_lines_for_people(row: ServiceChange, lines: list[str]) -> None:
    assert list(plan.changes([row])) == lines


PLAN = PlanResult(
    project="shop",
    release=digest("1"),
    previous=digest("0"),
    changed=False,
    changes=(view(action="keep"),),
    checks=("data",),
    waves=(PlannedWave(wave=2, services=("api", "web"), deadline=7.0, probes=("ready",)),),
    steps=("start wave 2: api web",),
    undo=PlannedUndo(release=digest("0"), steps=("start wave 1: api",)),
)


@pytest.mark.parametrize(
    ("settle", "runs"), [(15.0, "runs 15 s without a restart"), (0.0, "runs once")]
)
def test_a_plan_says_how_little_is_seen_without_a_health_check(settle: float, runs: str) -> None:
    lines = list(plan.plan(replace(PLAN, unchecked=("api", "web"), settle=settle)))
    at = lines.index("no health check in the Compose files: api, web")
    assert lines[at + 1].endswith(f"a deploy sees of each only that it {runs};")
    assert lines[at + 3] == "steps:"


def test_a_plan_for_people() -> None:
    assert list(plan.plan(PLAN)) == [
        f"plan for release {digest('1')} (release 000000000000 is of record; nothing was changed)",
        "  keep api",
        "waves:",
        "   0. checks, before anything is touched: data",
        "   2. api web: healthy within 7 s, then ready",
        "steps:",
        "   1. start wave 2: api web",
        "on failure: release 000000000000 comes back:",
        "   1. start wave 1: api",
    ]


@pytest.mark.parametrize(
    ("undo", "last"),
    [
        (None, "on failure: nothing is undone"),
        (PlannedUndo(release="", steps=()), "on failure: nothing is left:"),
    ],
)
def test_the_way_back_for_people(undo: PlannedUndo | None, last: str) -> None:
    assert list(plan.plan(replace(PLAN, undo=undo, previous="")))[-1] == last
