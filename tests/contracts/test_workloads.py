"""What every `Workloads` promises."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from morphops.core.bundle.beside import Kind
from morphops.core.bundle.beside import Place as Beside
from morphops.core.requests import RunRequest
from morphops.core.stack import Carried, Port, Running, Service
from morphops.core.verify import drift, parts
from morphops.errors import ConfigError, EngineCallFailed, PreconditionError
from tests.contracts.place import EPOCH_URL, LATER, PATIENCE, RELEASE, SEAL, SECRET, Place


def until(place: Place, true: Callable[[Running], bool]) -> Running:
    """What runs, once something is true of it."""
    workloads = place.client().workloads
    end = time.monotonic() + PATIENCE
    with workloads.watch(place.project) as watch:
        while not true(running := workloads.observe(place.project)):
            assert time.monotonic() < end, running
            watch.wait(1)
    return running


# --- a project on which nothing runs


def test_it_answers(place: Place) -> None:
    assert place.client().workloads.is_reachable()


def test_of_a_project_that_is_not_there_nothing_is_seen(place: Place) -> None:
    workloads = place.client().workloads
    assert workloads.observe(place.project) == Running()
    assert workloads.networks(place.project) == {}


def test_nothing_can_be_taken_away_from_nothing(place: Place) -> None:
    workloads = place.client().workloads
    workloads.remove(place.project, ["a"])
    workloads.teardown(place.project)
    assert workloads.observe(place.project) == Running()


def test_render_tells_what_would_be_started(place: Place) -> None:
    services = place.client().workloads.render(place.stack())
    a, b = services["a"], services["b"]
    assert (a.name, a.image, a.replicas, b.replicas) == ("a", str(place.good.ref), 1, 2)
    assert a.ports == (Port("127.0.0.1", place.port, 8000),)
    assert (a.launch.user, a.launch.read_only) == ("10001:10001", True)
    assert a.launch.argv[-1] == "--level=info"
    assert set(a.variables) == {"TOKEN"}
    assert [network.name for network in a.networks] == [f"{place.project}_back"]


def test_render_is_the_same_with_and_without_marks(place: Place) -> None:
    marked = place.stack()
    workloads = place.client().workloads
    bare = workloads.render(replace(marked, files=marked.files[:1]))
    assert {n: s.config for n, s in workloads.render(marked).items()} == {
        n: s.config for n, s in bare.items()
    }


def test_the_configuration_of_a_service_is_that_of_its_own_values(place: Place) -> None:
    workloads = place.client().workloads
    before, after = workloads.render(place.stack()), workloads.render(place.stack(LEVEL="debug"))
    assert before["a"].config != after["a"].config
    assert before["b"].config == after["b"].config


def test_a_variable_that_is_missing_is_a_config_error(place: Place) -> None:
    stack = place.stack()
    stack.env_file.write_text("TOKEN=x\n")
    with pytest.raises(ConfigError):
        place.client().workloads.render(stack)


def test_one_more_container_stands_beside_the_old_ones_until_they_are_removed(
    place: Place,
) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["b"])
    old = {one.id for one in place.running.of("b")}
    later = place.stack(APP="two", release=LATER)
    workloads.start_more(later, "b", 3)
    (new,) = [one for one in place.running.of("b") if one.id not in old]
    assert (new.config, new.release) == (workloads.render(later)["b"].config, LATER)
    assert {one.id for one in place.running.of("b")} == {*old, new.id}
    workloads.remove_containers(sorted(old))
    assert [one.id for one in place.running.of("b")] == [new.id]
    # What is missing is made, and what is right stays.
    workloads.start(later, ["b"])
    assert len(place.running.of("b")) == 2
    assert new.id in {one.id for one in place.running.of("b")}


def test_an_image_that_is_not_here_is_not_pulled(place: Place) -> None:
    with pytest.raises(EngineCallFailed):
        place.client().workloads.start(place.stack(place.missing), ["a"])
    assert all(c.state != "running" for c in place.running.containers)


def test_a_port_that_is_free_and_one_that_is_not(place: Place) -> None:
    port = Port("127.0.0.1", place.port, 8000)
    workloads = place.client().workloads
    assert workloads.taken([port]) == frozenset()
    with place.occupied(place.port):
        assert workloads.taken([port]) == {("127.0.0.1", place.port, "tcp")}


# --- one that runs, which is only looked at


def test_what_was_started_is_observed_with_its_marks(started: Place) -> None:
    running, services = started.running, started.client().workloads.render(started.stack())
    assert running.services == ("a", "b")
    assert sorted(c.replica_index for c in running.of("b")) == [1, 2]
    for one in running.containers:
        assert (one.managed, one.release) == (True, RELEASE)
        assert one.config == services[one.service].config
        assert one.image.is_of(started.good)
        assert (one.slot, one.state) == ("", "running")
        assert one.networks == {f"{started.project}_back"}
    assert len({one.id for one in running.containers}) == 3


def test_health_is_told_where_it_is_checked(started: Place) -> None:
    running = until(started, lambda r: all(c.health != "starting" for c in r.containers))
    assert {c.service: c.health for c in running.containers} == {"a": "healthy", "b": "none"}
    until(started, lambda r: len(r.of("a")[0].checks) > 1)
    assert started.only("a").checks[-1].passed
    assert started.only("a").healthcheck_interval > 0


def test_another_project_is_not_seen(started: Place) -> None:
    workloads = started.client().workloads
    assert workloads.observe(f"{started.project}-2") == Running()
    assert workloads.networks(f"{started.project}-2") == {}


def test_its_networks_are_told_with_the_configuration_that_they_were_given(
    started: Place,
) -> None:
    workloads = started.client().workloads
    (network,) = workloads.render(started.stack())["a"].networks
    assert network.config
    assert workloads.networks(started.project) == {network.name: network.config}


def test_its_own_ports_are_taken(started: Place) -> None:
    port = Port("127.0.0.1", started.port, 8000)
    assert started.client().workloads.taken([port]) == {("127.0.0.1", started.port, "tcp")}


def test_it_says_where_a_published_port_is_reached(started: Place) -> None:
    workloads = started.client().workloads
    assert workloads.published_at(started.only("a"), 8000) == f"127.0.0.1:{started.port}"
    assert workloads.published_at(started.only("a"), 8001) == ""
    assert workloads.published_at(started.running.of("b")[0], 8000) == ""


def test_how_it_was_started_is_told(started: Place) -> None:
    workloads = started.client().workloads
    wanted = workloads.render(started.stack())["a"].launch
    one = started.only("a")
    found = workloads.launch_configs(started.running)[one.id]
    assert found.argv[-1] == wanted.argv[-1]
    assert found.user == wanted.user
    assert found.read_only
    assert ("/rows", f"{started.project}_rows", True) in found.mounts
    assert drift.settings(wanted, found) == ()
    assert drift.other_values(wanted, found) == ()
    assert "TOKEN" in found.variables


def test_it_remembers_what_it_was_created_from(started: Place) -> None:
    services = started.client().workloads.render(started.stack())
    for one in started.running.containers:
        assert one.parts == services[one.service].parts
        assert SECRET not in str(one.parts)
    assert {str(c) for c in services["a"].contents} == {f"host file {started.host_file}"}
    assert {str(c) for c in services["b"].contents} == {"config app", "secret token"}


def test_what_it_was_given_as_a_copy_is_read(started: Place) -> None:
    workloads = started.client().workloads
    contents = workloads.render(started.stack())["b"].contents
    for one in started.running.of("b"):
        for content in contents:
            data = workloads.read_file(one, content.inside)
            assert data is not None
            assert SEAL.digest(data) == content.digest
        assert workloads.read_file(one, "/etc/app.conf") == b"app one $5"
        assert workloads.read_file(one, "/nothing/here") is None


def test_all_that_is_known_of_it_holds_no_value(started: Place) -> None:
    described = started.client().workloads.describe(started.running)
    assert len(described) == 3
    assert "TOKEN" in str(described)
    assert SECRET not in str(described)


def test_the_last_log_lines_are_told_without_secrets(started: Place) -> None:
    workloads = started.client().workloads
    until(started, lambda _: len(workloads.logs(started.only("a"), 10)) == 2)
    first, second = workloads.logs(started.only("a"), 10)
    assert first == "starting"
    assert second.startswith("the token is ")
    assert SECRET not in second
    assert workloads.logs(started.only("a"), 1) == (second,)


def test_a_url_is_fetched_from_inside(started: Place) -> None:
    until(started, lambda r: r.of("a")[0].health == "healthy")
    workloads, one = started.client().workloads, started.only("a")
    assert workloads.http_get(one, EPOCH_URL, 10).strip() == b'{"epoch": 7}'
    with pytest.raises(EngineCallFailed):
        workloads.http_get(one, "http://127.0.0.1:8000/nothing", 10)


def test_what_runs_unchanged_is_kept(started: Place) -> None:
    before = {c.id for c in started.running.containers}
    started.client().workloads.start(started.stack(release=LATER), ["a", "b"])
    assert {c.id for c in started.running.containers} == before


def test_what_somebody_runs_once_is_not_seen(started: Place) -> None:
    before = started.running.containers
    started.run_once()
    assert {c.id for c in started.running.containers} == {c.id for c in before}


# --- one that is changed


@pytest.mark.parametrize(("app", "token"), [("two", SECRET), ("one", "sk-another-contract")])
def test_another_content_replaces_what_is_given_it(place: Place, app: str, token: str) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["b"])
    before = {c.id for c in place.running.of("b")}
    stack = place.stack(APP=app, TOKEN=token)
    workloads.start(stack, ["b"])
    after = place.running.of("b")
    assert not before & {c.id for c in after}
    for content in workloads.render(stack)["b"].contents:
        assert SEAL.digest(workloads.read_file(after[0], content.inside) or b"") == content.digest


def test_a_file_of_the_machine_is_part_of_what_is_given_it(place: Place) -> None:
    workloads = place.client().workloads
    before = workloads.render(place.stack())
    place.host_file.write_text("another")
    after = workloads.render(place.stack())
    assert before["a"].config != after["a"].config
    assert before["b"].config == after["b"].config
    place.host_file.unlink()
    stack = place.stack()
    place.host_file.unlink()
    (content,) = workloads.render(stack)["a"].contents
    assert content.digest == ""


@pytest.mark.parametrize(
    ("kind", "is_mounted"), [("data", True), ("carried", True), ("left out", False)]
)
def test_what_is_mounted_may_lie_elsewhere(place: Place, kind: Kind, is_mounted: bool) -> None:
    workloads, stack = place.client().workloads, place.stack()
    old, new = str(place.host_file), str(place.folder / "elsewhere")
    there = Beside(kind, "host.conf", "" if kind == "left out" else new)
    asked: list[str] = []

    def of(path: str) -> Beside | None:
        asked.append(path)
        return there if path == old else None

    override = place.folder / "moved.yaml"
    override.write_bytes(workloads.moved(stack, of))
    moved = replace(stack, files=(*stack.files, override), data=frozenset({new}))
    assert old in asked
    before, after = (workloads.render(one)["a"].launch.mounts for one in (stack, moved))
    (inside,) = (inside for inside, outside, _ in before if outside == old)
    found = {where: (outside, writes) for where, outside, writes in after}
    assert found.get(inside) == ((new, False) if is_mounted else None)
    assert {m for m in before if m[0] != inside} == {m for m in after if m[0] != inside}


def test_what_is_carried_is_a_part_and_where_it_lies_is_not(place: Place) -> None:
    workloads, stack = place.client().workloads, place.stack()
    path = str(place.host_file)

    def rendered(digest: str) -> Service:
        carried = {path: Carried("conf/app.conf", digest)}
        return workloads.render(replace(stack, carried=carried))["a"]

    one, other = rendered("1"), rendered("2")
    assert one.config == rendered("1").config != other.config
    differs = parts.compare(one.parts, other.parts)
    assert (differs.contents, differs.keys) == (("carried conf/app.conf",), ())


def test_only_what_is_named_is_started_replaced_and_removed(place: Place) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["b"])
    assert place.running.services == ("b",)
    kept = {c.id for c in place.running.of("b")}
    workloads.start(place.stack(), ["a"])
    first = place.only("a")
    workloads.start(place.stack(LEVEL="debug", release=LATER), ["a", "b"])
    second = place.only("a")
    assert second.id != first.id
    assert (first.release, second.release) == (RELEASE, LATER)
    assert second.config != first.config
    assert {c.id for c in place.running.of("b")} == kept
    workloads.remove(place.project, ["a"])
    assert {c.id for c in place.running.containers} == kept


def test_what_is_asked_for_again_is_made_anew_and_nothing_else(place: Place) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["a", "b"])
    first, others = place.only("a"), {c.id for c in place.running.of("b")}
    assert all(c.created for c in place.running.containers)
    workloads.start(place.stack(), ["a", "b"], again=["a"])
    second = place.only("a")
    assert second.id != first.id
    assert second.created > first.created
    assert second.config == first.config
    assert {c.id for c in place.running.of("b")} == others


def test_another_image_replaces_it(place: Place) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["a"])
    workloads.start(place.stack(place.other), ["a"])
    assert place.only("a").image.is_of(place.other)


def test_paused_and_exited_are_told_and_an_exited_one_is_started_again(place: Place) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["a"])
    one = place.only("a")
    place.stop(one)
    assert place.only("a").state == "exited"
    workloads.start(place.stack(), ["a"])
    assert (place.only("a").id, place.only("a").state) == (one.id, "running")
    # Not one whose health is checked: where a check begins as it is paused, an engine can hang.
    workloads.start(place.stack(), ["b"])
    (other, _) = place.running.of("b")
    place.pause(other)
    assert {c.id: c.state for c in place.running.of("b")}[other.id] == "paused"


def test_only_what_is_stopped_is_removed(place: Place) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["a"])
    one = place.only("a")
    workloads.remove_stopped([one.id])
    assert place.only("a").id == one.id
    place.stop(one)
    workloads.remove_stopped([one.id])
    assert place.running == Running()


def test_a_program_runs_once(place: Place) -> None:
    workloads = place.client().workloads
    run = RunRequest(image=str(place.good.ref), command=(), doing="say it", entrypoint="true")
    assert isinstance(workloads.run_once(run), tuple)
    assert place.running == Running()
    with pytest.raises(EngineCallFailed, match="say it"):
        workloads.run_once(replace(run, image=str(place.missing.ref)))


def test_one_that_is_sick_says_why(place: Place) -> None:
    place.client().workloads.start(place.stack(place.sick), ["a"])
    running = until(place, lambda r: r.of("a")[0].health == "unhealthy")
    (one,) = running.of("a")
    assert "migrating" in one.health_output
    assert not one.checks[-1].passed


def test_teardown_takes_everything_but_data(place: Place) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["a"])
    workloads.teardown(place.project)
    assert place.running == Running()
    assert workloads.networks(place.project) == {}
    assert place.volumes() == {f"{place.project}_rows"}


def test_a_watch_wakes_when_something_happens(place: Place) -> None:
    workloads = place.client().workloads
    workloads.start(place.stack(), ["b"])
    (one, _) = place.running.of("b")
    with workloads.watch(place.project) as watch:
        threading.Thread(target=place.pause, args=(one,), daemon=True).start()
        begun = time.monotonic()
        while place.running.of("b")[0].state != "paused" and (
            place.running.of("b")[1].state != "paused"
        ):
            watch.wait(PATIENCE)
        assert time.monotonic() - begun < PATIENCE


def test_two_generations_run_beside_each_other(place: Place) -> None:
    platform = place.client()
    stack = place.stack()
    if "slots" not in platform.can:
        with pytest.raises(PreconditionError):
            platform.workloads.start(stack, ["b"], "blue")
        pytest.skip("this platform has one generation of a stack")
    platform.workloads.start(stack, ["b"], "blue")
    platform.workloads.start(stack, ["b"], "green")
    running = place.running
    assert len(running.of("b")) == 4
    assert {c.slot for c in running.in_slot("blue").containers} == {"blue"}
    platform.workloads.remove(place.project, ["b"], "blue")
    assert {c.slot for c in place.running.containers} == {"green"}
    kept = {c.id for c in place.running.containers}
    platform.workloads.start(stack, ["b"], "blue")
    assert kept < {c.id for c in place.running.containers}
