"""What is made anew because of others: tables, and properties of any stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.adapters.docker import model
from morphops.core.bundle.schema import Bundle, Keep, Wave
from morphops.core.plan import changes, dependants, steps
from morphops.core.probes.http import Http
from morphops.core.release.release import Release
from morphops.core.stack import Instance, Running, Service
from morphops.errors import InputError
from tests.samples.plans import decided
from tests.samples.releases import API, BUNDLE, RELEASE, container, service

NAMES = ("a", "b", "c", "d", "e")
CHAIN = {"a": "", "b": "a", "c": "b", "d": ""}


def bundle(*waves: tuple[str, ...], kept: tuple[str, ...] = (), **judges: str) -> Bundle:
    return replace(
        BUNDLE,
        checks=(),
        probes={
            name: Http(kind="http", service=name, port=1, judges=tuple(others))
            for name, others in judges.items()
        },
        waves=tuple(Wave(services=names) for names in waves),
        keeps=tuple(Keep(service=name, because="it holds no answers") for name in kept),
    )


def stack(needs: dict[str, str], **configs: str) -> dict[str, Service]:
    """Services and what each depends on, a letter each."""
    return {
        name: service(name, configs.get(name, "c1"), depends_on=frozenset(others))
        for name, others in needs.items()
    }


def there(*names: str, **created: str) -> Running:
    return Running(tuple(container(n, created=created.get(n, "1")) for n in names))


@pytest.mark.parametrize(
    ("changed", "kept", "reasons"),
    [
        ("", (), {}),
        ("c", (), {}),
        ("a", (), {
            "b": "depends on a, which is replaced",
            "c": "depends on a, which is replaced",
        }),
        ("b", (), {"c": "depends on b, which is replaced"}),
        # Behind one that stays there is still what is judged.
        ("a", ("b",), {"c": "depends on a, which is replaced"}),
        ("a", ("b", "c"), {}),
        ("d", (), {}),
    ],
)  # fmt: skip
def test_what_is_replaced_with_what(
    changed: str, kept: tuple[str, ...], reasons: dict[str, str]
) -> None:
    services = stack(CHAIN, **dict.fromkeys(changed, "c2"))
    found = changes.for_others(bundle(NAMES, kept=kept), services, there(*CHAIN))
    assert found == reasons


@pytest.mark.parametrize(
    ("created", "reasons"),
    [
        ({"a": "1", "b": "1", "c": "1"}, set()),
        ({"a": "1", "b": "2", "c": "3"}, set()),
        ({"a": "3", "b": "2", "c": "2"}, {"b", "c"}),
        ({"a": "3", "b": "4", "c": "2"}, {"c"}),
        # What is newer than all may have asked what is too old.
        ({"a": "3", "b": "2", "c": "4"}, {"b", "c"}),
        ({"a": "3", "b": "", "c": "4"}, set()),
        ({"a": "", "b": "2", "c": "1"}, {"c"}),
    ],
)
def test_what_is_older_than_what_it_depends_on(created: dict[str, str], reasons: set[str]) -> None:
    found = changes.for_others(bundle(NAMES), stack(CHAIN), there(*CHAIN, **created))
    assert found.keys() == reasons
    assert "newer" in next(iter(found.values()), "newer")


def test_another_number_of_containers_replaces_nothing_else() -> None:
    one, two = (replace(container("a", created=n), id=n) for n in ("1", "9"))
    present = Running((one, two, container("b", created="5")))
    services = stack({"a": "", "b": "a"})
    services["a"] = replace(services["a"], replicas=2)
    assert changes.for_others(bundle(NAMES), services, present) == {}
    # Half replaced: the old half of what depends on it is too old.
    half = Running(
        (container("a", created="5"), container("b", created="1"), container("b", created="9"))
    )
    assert changes.for_others(bundle(NAMES), services, half).keys() == {"b"}


def test_what_a_probe_judges_is_a_dependency_and_what_does_not_run_is_none() -> None:
    judged = bundle(NAMES, b="ae")
    assert dependants.of(judged, stack({"a": "", "b": "d"})).direct == {
        "a": frozenset(),
        "b": {"a"},
    }


def test_why_a_service_that_stays_as_it_is_is_replaced_is_in_the_plan() -> None:
    services = stack({"a": "", "b": "a"}, a="c2")
    wanted = bundle(("a",), ("b",))
    todo = decided(wanted, RELEASE, services, there("a", "b"))
    told = {change.service: (change.action, change.because) for change in todo.changes}
    assert told == {"a": ("replace", ""), "b": ("replace", "depends on a, which is replaced")}
    assert [s.again for s in todo.steps if isinstance(s, steps.Start)] == [(), ("b",)]


def test_what_has_a_part_of_another_service_is_replaced_with_it() -> None:
    services = stack({"a": "", "b": "a", "c": "b"}, a="c2")
    services["b"] = replace(services["b"], shares={"a": "network"})
    found = changes.for_others(bundle(NAMES), services, there("a", "b", "c"))
    assert found == {
        "b": "shares the network of a, which is replaced",
        "c": "depends on a, which is replaced",
    }


@pytest.mark.parametrize(
    ("spec", "shares"),
    [
        ({}, {}),
        ({"network_mode": "host", "pid": "host", "ipc": "shareable"}, {}),
        ({"network_mode": "service:vpn"}, {"vpn": "network"}),
        ({"network_mode": "service:vpn", "pid": "service:vpn"}, {"vpn": "network"}),
        ({"ipc": "service:a", "pid": "service:b"}, {"a": "memory", "b": "processes"}),
        ({"volumes_from": ["a:ro", "b", "container:c"]}, {"a": "volumes", "b": "volumes"}),
        ({"network_mode": "container:x"}, {}),
    ],
)
def test_what_a_service_has_of_another(spec: dict[str, Any], shares: dict[str, str]) -> None:
    assert model.service("web", {"image": "x", **spec}).shares == shares


@pytest.mark.parametrize(
    ("waves", "needs", "says"),
    [
        ((("b",), ("a",)), {"a": "", "b": "a"}, "b: depends on a, which is in a later wave"),
        ((("a", "b"),), {"a": "b", "b": "a"}, "a: depends on itself, through b"),
    ],
)
def test_what_cannot_be_made_after_what_it_depends_on_is_refused(
    waves: tuple[tuple[str, ...], ...], needs: dict[str, str], says: str
) -> None:
    with pytest.raises(InputError) as refused:
        decided(bundle(*waves), RELEASE, stack(needs), Running())
    assert says in refused.value.message()
    decided(bundle(*waves, kept=tuple(needs)), RELEASE, stack(needs), Running())


def test_compose_says_what_a_service_depends_on() -> None:
    how = {"condition": "service_healthy", "required": True}
    rendered = model.service("x", {"depends_on": {"db": {**how, "restart": True}, "web": how}})
    assert rendered.depends_on == {"db", "web"}
    assert rendered.restarts_with == {"db"}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-11-28T20:00:00Z", "2026-11-28T20:00:00.1Z"),
        ("2026-11-28T20:00:00.1Z", "2026-11-28T20:00:00.123Z"),
        ("2026-11-28T20:00:00.123456789Z", "2026-11-28T20:00:01Z"),
    ],
)
def test_times_of_the_engine_sort(earlier: str, later: str) -> None:
    assert "" < model.sortable(earlier) < model.sortable(later)
    assert model.sortable("") == ""


# Any stack: each service may depend on those before it, and each is in a wave of its own.
STACKS = st.fixed_dictionaries(
    {
        name: st.sets(st.sampled_from(NAMES[:n])) if n else st.just(set())
        for n, name in enumerate(NAMES)
    }
)
ANY = st.sets(st.sampled_from(NAMES))
TIMES = st.fixed_dictionaries({name: st.sampled_from("123") for name in NAMES})


@given(STACKS, ANY, ANY, TIMES)
def test_whatever_is_replaced_each_of_its_dependants_is(
    needs: dict[str, set[str]], changed: set[str], kept: set[str], created: dict[str, str]
) -> None:
    services = {
        name: service(name, "c2" if name in changed else "c1", depends_on=frozenset(others))
        for name, others in needs.items()
    }
    wanted = bundle(*((name,) for name in NAMES), kept=tuple(sorted(kept)))
    release = Release(RELEASE.digest, "shop", (API,), {})
    todo = decided(wanted, release, services, there(*NAMES, **created))
    replaced = {change.service for change in todo.changes if change.action == "replace"}
    for name, others in needs.items():
        if name not in kept and others & replaced:
            assert name in replaced
        if name in kept:
            assert (name in replaced) == (name in changed)
    # The plan does so, after what it depends on; and once it is done there is nothing left to do.
    now = {name: created[name] for name in NAMES}
    for clock, step in enumerate((s for s in todo.steps if isinstance(s, steps.Start)), start=4):
        for name in step.services:
            if name in step.again or name in changed:
                assert all(int(now[other]) < clock for other in needs[name])
                now[name] = str(clock)
    assert {name for name in NAMES if now[name] != created[name]} == replaced
    after = Running(tuple(_made(services[name], now[name]) for name in NAMES))
    assert changes.for_others(wanted, services, after) == {}


def _made(wanted: Service, created: str) -> Instance:
    return container(wanted.name, wanted.config, created=created)
