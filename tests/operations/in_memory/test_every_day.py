"""The commands of every day, in memory: restart, recreate, exec, run and logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from morphops.core.requests import CommandEnd
from morphops.core.stack import Usage
from morphops.errors import (
    EngineCallFailed,
    InputError,
    LockHeld,
    MorphopsError,
    PreconditionError,
    RollbackFailed,
)
from morphops.operations import drift, logs, recreate, restart, run, top
from morphops.operations import exec as exec_
from morphops.operations.deploy import deploy
from morphops.operations.down import down
from morphops.operations.resume import resume
from morphops.operations.rollback import rollback
from morphops.site import Site
from tests.operations.in_memory.world import (
    COMPOSE,
    NEW,
    OLD,
    OLD_RUNS,
    SECRET,
    SICK,
    WELL,
    Killed,
    World,
    release_of,
)
from tests.results import valid

ECHO = ("sh", "-c", "echo $TOKEN")
TALKS = replace(
    WELL,
    commands={
        ECHO: CommandEnd(exit_code=0, lines=(f"it is {SECRET}",)),
        ("false",): CommandEnd(exit_code=1),
    },
)


@pytest.fixture
def talking(running: World) -> World:
    """The old release runs, and its images have programs."""
    for container in running.engine.containers.values():
        container.behaviour = TALKS
    for image in OLD.images:
        running.engine.behave(str(image.ref), TALKS)
    return running


def ids(world: World) -> dict[str, str]:
    return {one.service: one.id for one in world.engine_view()}


def last(world: World) -> tuple[str, str, str, str]:
    record = world.records[-1]
    return record.kind, record.subject, record.outcome, record.release


def test_a_restart_keeps_containers_waits_for_health_and_stands_in_the_history(
    running: World,
) -> None:
    before = ids(running)
    running.engine.becomes("api", state="exited")
    done = valid("restart", restart.restart(running.site(), ["api", "db"], reason="it leaks"))
    assert (done["services"], done["state"], done["release"]) == (
        ["db", "api"],
        "healthy",
        OLD.digest,
    )
    assert (ids(running), running.runs) == (before, OLD_RUNS)
    assert running.engine.calls == ["restart api db"]
    assert last(running) == ("restart", "db api", "done", OLD.digest)
    assert [step.step for step in running.records[-1].steps] == [
        "restart api db",
        "wait for health: db",
        "wait for health: api",
        "probe ready",
    ]
    assert running.records[-1].id == done["operation"]
    # It says nothing of releases: rollback and drift go by what was deployed.
    assert drift.look(running.site()).exit == 0
    with pytest.raises(PreconditionError, match="no earlier release"):
        rollback(running.site(), reason="x")


def test_a_restart_that_is_not_healthy_undoes_nothing_and_says_so(running: World) -> None:
    for container in running.engine.containers.values():
        if container.instance.service == "api":
            container.behaviour = SICK
    with pytest.raises(RollbackFailed) as caught:
        restart.restart(running.site(), ["api"])
    assert caught.value.what.startswith("the restart of api failed: not healthy")
    assert "nothing was undone" in caught.value.state
    assert SECRET not in caught.value.message()
    assert last(running)[:3] == ("restart", "api", "failed")
    deploy(running.site(), [NEW.digest])  # nothing is in the way of what mends it
    assert running.runs["api"] == "new"


def test_a_restart_that_was_cut_off_is_in_nobodys_way(running: World) -> None:
    running.engine.faults.at("restart api", Killed())
    with pytest.raises(Killed):
        restart.restart(running.site(), ["api"])
    running.engine.locks.clear()
    restart.restart(running.site(), ["api"])
    assert running.runs == OLD_RUNS


def test_what_is_recreated_is_new_and_nothing_else_is(running: World) -> None:
    before = ids(running)
    plan = valid("recreate", recreate.recreate(running.site(), ["api"], plan_only=True))
    assert {c["service"]: (c["action"], c["because"]) for c in plan["changes"]} == {
        "api": ("replace", "you asked for it"),
        "db": ("keep", ""),
        "worker": ("keep", ""),
    }
    assert ids(running) == before
    done = valid("recreate", recreate.recreate(running.site(), ["api"], reason="a new file"))
    assert done["changed"]
    after = ids(running)
    assert after["api"] != before["api"]
    assert (after["db"], after["worker"]) == (before["db"], before["worker"])
    assert running.runs == OLD_RUNS
    assert last(running) == ("recreate", "api", "deployed", OLD.digest)
    assert any(line == "replace api: you asked for it" for line in running.observer.lines)
    assert drift.look(running.site()).exit == 0


def test_what_depends_on_what_is_recreated_is_recreated_too(running: World) -> None:
    # By the probe `ready`, the answers of api are judged together with those of db.
    path = running.folder / "ops/bundle.yaml"
    assert "services: [api, db]" in path.read_text()
    before = ids(running)
    recreate.recreate(running.site(), ["db"])
    assert ids(running)["db"] != before["db"]


def test_recreating_that_was_cut_off_is_finished(running: World) -> None:
    before = ids(running)
    running.engine.faults.at("start api worker", Killed())
    with pytest.raises(Killed):
        recreate.recreate(running.site(), ["api"])
    with pytest.raises(PreconditionError, match="is incomplete"):
        restart.restart(running.site(), ["api"])
    resume(running.site())
    assert ids(running)["api"] != before["api"]
    assert running.runs == OLD_RUNS


def test_recreating_into_sickness_undoes_nothing_and_says_so(running: World) -> None:
    running.sicken(OLD)
    with pytest.raises(RollbackFailed, match="recreating api failed: not healthy"):
        recreate.recreate(running.site(), ["api"])


def test_a_command_inside(talking: World) -> None:
    before = talking.records
    done = valid("exec", exec_.execute(talking.site(), "api", ECHO, attached=False))
    assert (done["exit"], done["service"], done["container"]) == (0, "api", "api")
    assert done["lines"] == ["it is REDACTED"]
    assert exec_.execute(talking.site(), "api", ["false"]).exit == 1
    assert exec_.execute(talking.site(), "api", ["no-such"]).exit == 127
    assert talking.records == before


def test_a_command_beside_holds_the_lock_and_stands_in_the_history(talking: World) -> None:
    before = ids(talking)
    done = valid("run", run.run(talking.site(), "api", ECHO, reason="why", attached=False))
    assert (done["exit"], done["lines"]) == (0, ["it is REDACTED"])
    assert talking.records[-1].id == done["operation"]
    assert last(talking) == ("run", "api", "done", OLD.digest)
    # Of what was typed the program only: a secret may stand in the rest.
    assert [step.step for step in talking.records[-1].steps] == ["run sh beside api"]
    assert ids(talking) == before
    assert drift.look(talking.site()).exit == 0
    failed = run.run(talking.site(), "api", ["false"])
    assert failed.exit == 1
    assert (talking.records[-1].outcome, talking.records[-1].error) == ("failed", "exit code 1")


def test_a_command_that_cannot_be_begun_is_told_and_recorded(talking: World) -> None:
    talking.engine.faults.at("run beside api", EngineCallFailed("could not run it"))
    with pytest.raises(EngineCallFailed):
        run.run(talking.site(), "api", ECHO)
    assert talking.records[-1].error == "it could not be begun"


def test_a_command_beside_that_was_cut_off_is_in_nobodys_way(talking: World) -> None:
    talking.engine.faults.at("run beside api", Killed())
    with pytest.raises(Killed):
        run.run(talking.site(), "api", ECHO)
    assert run.run(talking.site(), "api", ECHO).exit == 0


ALL: dict[str, Callable[[Site, Any], Any]] = {
    "restart": lambda site, name: restart.restart(site, [name] if name else []),
    "recreate": lambda site, name: recreate.recreate(site, [name] if name else []),
    "exec": lambda site, name: exec_.execute(site, name, ECHO),
    "run": lambda site, name: run.run(site, name, ECHO),
}


@pytest.mark.parametrize("task", ALL)
@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("", "name a service (there are: db, api, worker)", "inv {task} db"),
        ("apj", "has no service 'apj' (there are: db, api, worker)", "inv {task} api"),
    ],
)
def test_a_service_that_is_not_there(
    running: World, task: str, name: str, says: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        ALL[task](running.site(), name)
    assert says in caught.value.what
    assert caught.value.hint == hint.format(task=task)
    assert running.engine.calls == []
    assert [kind for kind, _ in running.outcomes] == ["deploy"]


@pytest.mark.parametrize("task", ALL)
def test_without_a_release_of_record(world: World, task: str) -> None:
    with pytest.raises(PreconditionError, match="there is no release of record here"):
        ALL[task](world.site(), "api")


@pytest.mark.parametrize("task", ["exec", "run"])
def test_without_a_command(running: World, task: str) -> None:
    nothing: dict[str, Callable[[], Any]] = {
        "exec": lambda: exec_.execute(running.site(), "api", []),
        "run": lambda: run.run(running.site(), "api", []),
    }
    with pytest.raises(InputError, match="name a command after --") as caught:
        nothing[task]()
    assert caught.value.hint == f"inv {task} api -- COMMAND …"


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda site: restart.restart(site, ["api"]), "api has no container to restart"),
        (lambda site: exec_.execute(site, "api", ECHO), "api does not run"),
    ],
)
def test_what_is_down(running: World, act: Callable[[Site], Any], says: str) -> None:
    down(running.site())
    with pytest.raises(MorphopsError, match=says) as caught:
        act(running.site())
    assert "inv up" in caught.value.hint
    assert caught.value.state == "nothing was changed"


def test_one_of_several_containers_is_named_by_its_number(running: World) -> None:
    running.engine.becomes("api", state="exited")
    with pytest.raises(PreconditionError, match="api does not run: api is exited"):
        exec_.execute(running.site(), "api", ECHO)
    with pytest.raises(PreconditionError, match="db does not run"):
        exec_.execute(running.site(), "db", ECHO, index=2)


@pytest.mark.parametrize("task", ["restart", "recreate", "run"])
def test_what_changes_something_waits_for_nobody_else(running: World, task: str) -> None:
    other = running.site()
    from morphops.operations.pipeline.session import exclusive

    with exclusive(other, "deploy"), pytest.raises(LockHeld):
        ALL[task](running.site(), "api")
    # Only a look, or a command of one's own inside, needs none.
    with exclusive(other, "deploy"):
        assert exec_.execute(running.site(), "api", ["x"]).exit == 127


def test_logs_of_several_services_and_as_they_come(running: World) -> None:
    assert list(logs.logs(running.site(), ["db", "api"], 50).logs) == ["api", "db"]
    told: list[tuple[str, str]] = []
    logs.follow(running.site(), ["api"], 50, since="10m", say=lambda *line: told.append(line))
    assert told == [("api", "starting"), ("api", "the token is REDACTED")]
    with pytest.raises(InputError, match="no service 'web'"):
        logs.follow(running.site(), ["web"], 50, say=lambda *line: None)


@pytest.mark.parametrize(
    ("since", "fine"),
    [
        ("10m", True),
        ("1h30m", True),
        ("2030-12-31", True),
        ("2030-12-31T08:00:00Z", True),
        ("2030-12-31T08:00:00.5+01:00", True),
        ("yesterday", False),
        ("10", False),
        ("10m; rm", False),
        ("--help", False),
    ],
)
def test_since_when(running: World, since: str, fine: bool) -> None:
    if fine:
        assert logs.logs(running.site(), [], 50, since=since).logs
    else:
        with pytest.raises(InputError, match="write how long ago"):
            logs.logs(running.site(), [], 50, since=since)


def test_lines_without_an_end_are_no_json() -> None:
    logs.refuse_json(False)
    with pytest.raises(InputError, match="--follow writes lines"):
        logs.refuse_json(True)


def test_what_each_container_uses(running: World) -> None:
    busy = replace(WELL, usage=Usage(cpu=80.0, memory=5, memory_limit=10, processes=3))
    for container in running.engine.containers.values():
        if container.instance.service == "db":
            container.behaviour = busy
    running.engine.becomes("worker", state="exited", restarts=4)
    view = valid("top", top.top(running.site()))
    assert view["state"] == "ok"
    rows = {row["name"]: row for row in view["containers"]}
    assert list(rows) == ["db", "api", "worker"]
    assert (rows["db"]["cpu"], rows["db"]["memory"], rows["db"]["processes"]) == (80.0, 5, 3)
    assert (rows["db"]["health"], rows["db"]["check_exit"]) == ("healthy", 0)
    assert rows["db"]["checked"]
    assert (rows["worker"]["state"], rows["worker"]["health"]) == ("exited", "")
    assert (rows["worker"]["restarts"], rows["worker"]["cpu"]) == (4, 0.0)
    down(running.site())
    assert top.top(running.site()).state == "down"


TOOLS = """
  psql:
    image: ${DB_IMAGE:?is not set}
    profiles: [tools]
  other:
    image: somebody/else
    profiles: [tools]
"""


def test_a_service_that_a_profile_switches_on_is_run_while_it_is_off(world: World) -> None:
    with_tools = release_of(
        compose=COMPOSE.replace("volumes:\n  rows:", f"{TOOLS.strip(chr(10))}\nvolumes:\n  rows:")
    )
    world.keep(with_tools, db=TALKS)
    deploy(world.site(), [with_tools.digest])
    assert "psql" not in world.runs
    done = run.run(world.site(), "psql", ECHO, attached=False)
    assert (done.exit, done.lines) == (0, ("it is REDACTED",))
    assert "psql" not in world.runs
    with pytest.raises(PreconditionError, match="has no image for other: somebody/else"):
        run.run(world.site(), "other", ECHO)
    with pytest.raises(InputError, match="has no service 'psql'"):
        restart.restart(world.site(), ["psql"])
