"""Decisions, as tables: values in, a plan out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from morphops.core.plan import plan, preconditions, steps
from morphops.core.plan.desired import Situation
from morphops.core.release.release import Release
from morphops.core.stack import Identity, Instance, Network, Port, Running, Service
from morphops.core.verify import drift
from morphops.errors import InputError, PreconditionError
from tests.samples.plans import back_to, decided
from tests.samples.releases import (
    API,
    BUNDLE,
    RELEASE,
    container,
    digest,
    image,
    service,
    services,
)


def deploy(wanted: dict[str, Service], *present: Instance) -> plan.Plan:
    return decided(BUNDLE, RELEASE, wanted, Running(present), deployment=3, undo=None)


def test_the_order_of_a_deploy() -> None:
    todo = deploy(services("api", "db"), container("old"))
    assert [str(step) for step in todo.steps] == [
        "pull api aaaaaaaaaaaa",
        "check data",
        "remove old",
        "start wave 1: db",
        "wait for health: db",
        "start wave 2: api",
        "wait for health: api",
        "probe ready",
        "verify what runs",
    ]
    touching = [step.touches for step in todo.steps]
    assert touching.index(True) == 2


def test_the_way_back_pulls_nothing_and_names_every_service() -> None:
    back = back_to(BUNDLE, digest("0"), services("api", "db", "cache"), deployment=2)
    assert not any(isinstance(step, steps.Pull | steps.Check) for step in back.steps)
    started = [step.services for step in back.steps if isinstance(step, steps.Start)]
    assert started == [("db", "cache"), ("api",)]
    assert isinstance(back.steps[-1], steps.Verify)


def test_what_the_way_back_lacks_is_fetched_before_anything_is_touched() -> None:
    old = image("api", "d")
    pull = steps.Pull(old, digest("0"))
    back = back_to(BUNDLE, digest("0"), services("db"), deployment=2, missing=[pull])
    todo = decided(BUNDLE, RELEASE, services("db"), Running(), deployment=3, undo=back)
    pulled = [str(step) for step in todo.steps[:3]]
    assert pulled == [
        "pull api aaaaaaaaaaaa",
        "pull api dddddddddddd for an automatic rollback to 000000000000",
        "check data",
    ]
    assert plan.standalone(back).steps == (replace(pull, back_to=digest("0")), *back.steps)
    # What the release brings itself is not fetched twice.
    back = back_to(BUNDLE, digest("0"), {}, deployment=2, missing=[steps.Pull(API, "tag")])
    todo = decided(BUNDLE, RELEASE, services("db"), Running(), deployment=3, undo=back)
    assert sum(isinstance(step, steps.Pull) for step in todo.steps) == 1


def test_the_way_back_first_takes_away_what_the_release_added() -> None:
    back = back_to(BUNDLE, digest("0"), services("db"), deployment=2)
    for wanted, removed in (
        (services("db"), ()),
        (services("api", "db", "cache"), ("api", "cache")),
    ):
        todo = decided(BUNDLE, RELEASE, wanted, Running(), deployment=3, undo=back)
        assert todo.undo is not None
        assert todo.undo.steps == ((steps.Remove(removed),) if removed else ()) + back.steps
    todo = decided(BUNDLE, RELEASE, services("db"), Running(), deployment=3, undo=plan.teardown())
    assert todo.undo == plan.teardown()


def test_what_was_to_go_is_gone_before_it_is_brought_back() -> None:
    """A removal that was cut off: the engine may still be about to stop what looks alive."""
    back = back_to(BUNDLE, RELEASE.digest, services("db", "api"), deployment=2)
    present = (container("db"), container("api"))
    todo = decided(BUNDLE, RELEASE, services("db"), Running(present), deployment=3, undo=back)
    assert todo.undo is not None
    assert todo.undo.steps == (steps.Remove(("api",)), *back.steps)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"web": service("web")}, "web: is in no wave"),
        (
            {"db": Service("db", "postgres:16", "c")},
            "db: image 'postgres:16' is not an image of the",
        ),
        ({"db": service("db", replicas=0)}, "db: has a scale of 0"),
        (
            {"db": service("db", waits_for_completion=frozenset({"once"}))},
            "db: waits for once to end",
        ),
    ],
)
def test_what_does_not_fit_is_refused(wanted: dict[str, Service], says: str) -> None:
    with pytest.raises(InputError) as caught:
        deploy(wanted)
    assert says in caught.value.message()


@pytest.mark.parametrize(
    ("beside", "hint"),
    [
        ((), "remove project shop "),
        # What a release brought must not go with them.
        ((container("api"),), "remove containers db-id "),
    ],
)
def test_containers_of_somebody_else_are_not_touched(
    beside: tuple[Instance, ...], hint: str
) -> None:
    with pytest.raises(PreconditionError, match="no release created: db") as caught:
        deploy(services("db"), container("db", managed=False), *beside)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("present", "creator"),
    [
        ((), digest("1")),
        ((container("api", release=digest("0")),), digest("0")),
        ((container("api", "c0", release=digest("0")),), digest("1")),
        (
            (container("api", release=digest("0")), container("api", release=digest("9"))),
            digest("1"),
        ),
    ],
)
def test_an_unchanged_service_keeps_its_creator(
    present: tuple[Instance, ...], creator: str
) -> None:
    owners = plan.ownership(services("api"), Running(present), digest("1"))
    assert owners == {"api": creator}


@pytest.mark.parametrize(
    ("identity", "same"),
    [
        (Identity("config", digest("c")), True),
        (Identity("config", digest("a")), False),  # the manifest's digest, in the wrong kind
        (Identity("manifest", digest("a")), True),
        (Identity("manifest", digest("e")), True),  # the index
        (Identity("manifest", digest("c")), False),
    ],
)
def test_unlike_kinds_of_digests_are_never_compared(identity: Identity, same: bool) -> None:
    released = image("api", "a", index="e")
    release = Release(digest("1"), "shop", (released,), {})
    wanted = {"api": Service("api", str(released.ref), "c1")}
    present = Instance("api", "id", identity, "running", "healthy")
    assert (drift.images(release, wanted, Running((present,))) == ()) is same


def test_missing_and_extra_services_are_mismatches() -> None:
    found = drift.images(RELEASE, services("api"), Running((container("old"),)))
    assert tuple(map(str, found)) == (
        "api: there is no container",
        "old: runs, but is not in the release",
    )


def refusals(
    wanted: dict[str, Service], running: Running, taken: set[tuple[str, int, str]]
) -> list[str]:
    situation = Situation(running=running, taken=frozenset(taken))
    return [reason.what for reason in preconditions.taken_ports(wanted, situation)]


@pytest.mark.parametrize(
    ("host", "present", "state", "refused"),
    [
        ("127.0.0.1", None, "", True),
        ("127.0.0.1", "127.0.0.1", "running", False),
        ("127.0.0.1", "127.0.0.1", "paused", False),
        ("127.0.0.1", "127.0.0.1", "restarting", False),
        # What does not run has let its port go: then it is somebody else who has it.
        ("127.0.0.1", "127.0.0.1", "exited", True),
        ("127.0.0.1", "127.0.0.1", "created", True),
        ("127.0.0.1", "127.0.0.1", "dead", True),
        # All addresses take each one, and each one of them keeps another from all.
        ("127.0.0.1", "", "running", False),
        ("127.0.0.1", "0.0.0.0", "running", False),
        ("0.0.0.0", "127.0.0.1", "running", False),
        ("", "127.0.0.1", "running", False),
        ("", "::1", "running", False),
        ("::1", "::", "running", False),
        ("127.0.0.2", "127.0.0.1", "running", True),
        ("::1", "127.0.0.1", "running", True),
        ("::1", "0.0.0.0", "running", True),
        ("127.0.0.1", "::", "running", True),
    ],
)
def test_a_port_of_our_own_is_no_obstacle(
    host: str, present: str | None, state: str, refused: bool
) -> None:
    wanted = {"api": service("api", ports=(Port(host, 8545, 80),))}
    there = container("db", state=state, ports=(Port(present or "", 8545, 81),))
    running = Running(() if present is None else (there,))
    says = f"api: port {host or '*'}:8545 is taken by another process"
    assert refusals(wanted, running, {(host, 8545, "tcp")}) == [says] * refused
    assert refusals(wanted, running, {(host, 8545, "udp"), (host, 8546, "tcp")}) == []


def test_a_port_is_one_of_its_protocol() -> None:
    dns = Port("", 53, 53, "udp")
    wanted = {"api": service("api", ports=(dns,))}
    says = ["api: port *:53/udp is taken by another process"]
    for own, refused in ((Port("", 53, 53), says), (dns, [])):
        running = Running((container("db", ports=(own,)),))
        assert refusals(wanted, running, {("", 53, "udp")}) == refused


NETWORK = Network("shop_default", "default", "d1")


def test_what_nobody_would_replace_is_removed_first() -> None:
    wanted = {n: service(n, networks=(NETWORK,)) for n in ("api", "db", "cache")}
    on = frozenset({"shop_default"})
    astray, changed = container("db"), container("cache", "c0")
    todo = deploy(wanted, container("api", networks=on), astray, changed, container("old"))
    removed = [step.services for step in todo.steps if isinstance(step, steps.Remove)]
    assert removed == [("old", "db")]
    assert deploy(wanted, *(container(n, networks=on) for n in wanted)).changed is False


@pytest.mark.parametrize(
    ("there", "refused"),
    [
        ({}, False),
        ({"shop_default": "d1"}, False),
        ({"shop_default": "d0"}, True),
        ({"shop_default": ""}, False),  # nobody wrote down how
        ({"shop_other": "d0"}, False),
    ],
)
@pytest.mark.parametrize(
    ("present", "hint"),
    [((), "remove networks shop_default "), ((container("db"),), "inv down ")],
)
def test_a_network_is_not_made_anew_behind_anybodys_back(
    there: dict[str, str], refused: bool, present: tuple[Instance, ...], hint: str
) -> None:
    def todo() -> plan.Plan:
        wanted = {"db": service("db", networks=(NETWORK, Network("ext", "e")))}
        running = Running(present)
        return decided(BUNDLE, RELEASE, wanted, running, deployment=3, undo=None, networks=there)

    if not refused:
        assert todo().steps
        return
    with pytest.raises(PreconditionError, match="the network shop_default in another") as caught:
        todo()
    assert caught.value.hint.startswith(hint)


def test_containers_are_called_by_their_service_and_apart() -> None:
    present = [
        container("api"),
        *(replace(container("db"), id=id_, replica_index=n) for id_, n in (("x", 1), ("y", 2))),
        *(replace(container("a"), id=id_, replica_index=1) for id_ in ("0" * 64, "1" * 64)),
        container("db-1"),  # a service that is called so
    ]
    assert Running(tuple(present)).names == {
        "api-id": "api",
        "x": "db-1-x",
        "y": "db-2",
        "0" * 64: "a-1-000000000000",
        "1" * 64: "a-1-111111111111",
        "db-1-id": "db-1-db-1-id",
    }
