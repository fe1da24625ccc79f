"""Stories with a migration: it runs once for each release, and what it did is not forgotten."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from morphops.core.release.release import Release
from morphops.errors import InputError, MorphopsError, PreconditionError, RolledBack
from morphops.operations import drift, recreate, restart
from morphops.operations.abort import abort
from morphops.operations.deploy import Choices, deploy
from morphops.operations.destroy import destroy
from morphops.operations.down import down
from morphops.operations.resume import resume
from morphops.operations.rollback import rollback
from morphops.operations.status import status
from morphops.operations.up import up
from morphops.operations.verify import verify
from morphops.operations.wait import wait
from morphops.site import Site
from morphops.testing import Behaviour
from tests.operations.in_memory.kept import Kept, keep, laid
from tests.operations.in_memory.killing import Act, is_killed
from tests.operations.in_memory.world import (
    BUNDLE,
    COMPOSE,
    SECRET,
    WELL,
    Killed,
    World,
    release_of,
)
from tests.results import valid

ENDS = Behaviour(state="exited", lasts=2, logs=("migrating", f"with {SECRET}", "migrated"))
FAILS = dataclasses.replace(ENDS, exit_code=3, logs=("migrating", f"{SECRET} is refused"))
BACK = dataclasses.replace(ENDS, logs=("down",))

WITH_JOB = COMPOSE.replace(
    "volumes:\n  rows:",
    """  migrate:
    image: ${MIGRATE_IMAGE:?is not set}
    command: [migrate, up]
    environment: {TOKEN: "${TOKEN:?is not set}"}
    depends_on: {db: {condition: service_healthy}}
  migrate-down:
    image: ${BACK_IMAGE:?is not set}
    command: [migrate, down]
    profiles: [undo]
volumes:
  rows:""",
)
WAITS = WITH_JOB.replace(
    '    ports: ["127.0.0.1:8123:8000"]\n',
    '    ports: ["127.0.0.1:8123:8000"]\n'
    "    depends_on: {migrate: {condition: service_completed_successfully}}\n",
)


def bundle(**job: object) -> str:
    """The bundle with a migration between the database and the API."""
    images = (
        "  migrate: {repository: shop/migrate, variable: MIGRATE_IMAGE}\n"
        "  back: {repository: shop/back, variable: BACK_IMAGE}\n"
    )
    text = BUNDLE.replace("compose: {files", f"{images}compose: {{files")
    text = text.replace(
        "  - {services: [db], deadline: 5}\n",
        "  - {services: [db], deadline: 5}\n  - {services: [migrate]}\n",
    ).replace("[api, worker]", "[api]")
    return f"{text}jobs:\n  migrate: {json.dumps({'undo': 'migrate-down', **job})}\n"


def release(api: str, migration: str, **job: object) -> Release:
    given = {"undo": "", "deadline": 5, **job}
    compose = WAITS if given["undo"] else WAITS.replace("profiles: [undo]", "profiles: [never]")
    return release_of(
        api=api,
        bundle=bundle(**given),
        compose=compose,
        more={"migrate": migration, "back": migration},
    )


FIRST, SECOND = release("1", "1"), release("2", "2")
SAME = release("3", "1")  # another API, and the migration of the first
UNDOABLE = release("2", "2", undo="migrate-down")
REPEATABLE = release("2", "2", repeatable=True)
HARMLESS = release("2", "2", reversible=True)


@pytest.fixture(scope="module")
def migrated(place: Path, made: Kept) -> Kept:
    """A world after a first deploy with a migration."""
    world = laid(place, made)
    for one in (FIRST, SECOND, SAME, UNDOABLE, REPEATABLE, HARMLESS):
        world.keep(one, migrate=ENDS, back=BACK)
    deploy(world.site(), [FIRST.digest])
    return keep(world)


@pytest.fixture
def shop(place: Path, migrated: Kept) -> World:
    """The first release runs, and its migration ran."""
    return laid(place, migrated)


def started(world: World) -> list[str]:
    """What was started and removed, in order."""
    return [call for call in world.engine.calls if call.startswith(("start", "remove"))]


def runs(world: World) -> dict[str, str]:
    """Service → the api's version, or how it is."""
    return {
        c.service: f"{c.state} {c.exit_code}" if c.state != "running" else c.health
        for c in world.engine_view()
    }


def behave(world: World, which: Release, **behaviours: Behaviour) -> None:
    for image, behaviour in behaviours.items():
        world.engine.behave(str(which.image(image).ref), behaviour)


def test_a_migration_runs_once_between_its_waves(place: Path, made: Kept) -> None:
    world = laid(place, made)
    world.keep(FIRST, migrate=ENDS, back=BACK)
    done = valid("deploy", deploy(world.site(), [FIRST.digest]))
    assert {c["service"]: c["action"] for c in done["changes"]} == {
        "api": "create", "db": "create", "migrate": "run",
    }  # fmt: skip
    assert started(world) == ["start db", "start migrate", "start api"]
    assert runs(world) == {"api": "healthy", "db": "healthy", "migrate": "exited 0"}
    log = world.folder / "state/deployments/000001/jobs/migrate.log"
    assert log.read_text().splitlines()[::2] == ["migrating", "migrated"]
    assert SECRET not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_that_it_ended_is_its_right_state(shop: World) -> None:
    seen = valid("status", status(shop.site()))
    assert (seen["state"], seen["differences"]) == ("healthy", [])
    (job,) = seen["jobs"]
    assert (job["service"], job["state"], job["exit_code"]) == ("migrate", "done", 0)
    assert job["text"].startswith("done, 0, ")
    assert valid("drift", drift.look(shop.site()))["state"] == "as released"
    assert valid("verify", verify(shop.site()))["state"] == "verified"
    wait(shop.site())
    assert started(shop) == []


def test_the_same_migration_does_not_run_again(shop: World) -> None:
    valid("deploy", deploy(shop.site(), [FIRST.digest]))
    done = valid("deploy", deploy(shop.site(), [SAME.digest]))
    assert {c["service"]: c["action"] for c in done["changes"]} == {
        "api": "replace", "db": "keep", "migrate": "keep",
    }  # fmt: skip
    assert "start migrate" not in started(shop)


def test_nor_where_its_container_is_gone(shop: World) -> None:
    """Anybody may remove what is stopped."""
    shop.engine.vanish("migrate")
    assert valid("drift", drift.look(shop.site()))["state"] == "as released"
    (job,) = status(shop.site()).jobs
    assert (job.state, job.exit_code) == ("done", 0)
    deploy(shop.site(), [SAME.digest])
    assert "start migrate" not in started(shop)
    deploy(shop.site(), [SAME.digest], choices=Choices(run_jobs=frozenset({"migrate"})))
    assert "start migrate" in started(shop)
    with pytest.raises(InputError, match="no job migrat") as refused:
        deploy(shop.site(), [SAME.digest], choices=Choices(run_jobs=frozenset({"migrat"})))
    assert refused.value.detail == ("its jobs: migrate",)


def test_nor_by_down_and_up(shop: World) -> None:
    up(shop.site(), reason="a reboot")
    down(shop.site(), reason="the disk is replaced")
    up(shop.site(), reason="the disk is new")
    assert "start migrate" not in started(shop)
    assert status(shop.site()).state == "healthy"


def test_other_values_run_it_again(shop: World) -> None:
    shop.set(TOKEN="another")
    deploy(shop.site(), [FIRST.digest])
    assert started(shop) == ["start db", "start migrate", "start api"]


def test_one_that_is_to_run_always_does(shop: World) -> None:
    always = release("1", "1", run="always")
    shop.keep(always, migrate=ENDS, back=BACK)
    for _ in range(2):
        deploy(shop.site(), [always.digest])
    assert started(shop).count("start migrate") == 2
    up(shop.site(), reason="a reboot")
    assert started(shop).count("start migrate") == 2


def test_a_migration_that_fails_is_undone_as_far_as_the_code_goes(shop: World) -> None:
    behave(shop, SECOND, migrate=FAILS)
    with pytest.raises(RolledBack, match="job migrate failed: exit code 3") as failed:
        deploy(shop.site(), [SECOND.digest])
    told = failed.value.message()
    assert "is refused" in told
    assert SECRET not in told
    assert "what migrate did to the data stays" in failed.value.state
    assert failed.value.exit_code == 4
    assert runs(shop) == {"api": "healthy", "db": "healthy"}
    assert valid("drift", drift.look(shop.site()))["state"] == "as released"
    assert [*(shop.folder / "state/failures").glob("*/migrate.log")]
    # And a mended one runs.
    behave(shop, SECOND, migrate=ENDS)
    deploy(shop.site(), [SECOND.digest])
    assert runs(shop)["migrate"] == "exited 0"


def test_one_that_does_not_end_in_time_fails(shop: World) -> None:
    slow = release("2", "9", deadline=0.01)
    shop.keep(slow, migrate=dataclasses.replace(ENDS, lasts=10**6), back=BACK)
    with pytest.raises(RolledBack, match="did not end within"):
        deploy(shop.site(), [slow.digest])
    assert runs(shop) == {"api": "healthy", "db": "healthy"}


def test_that_the_data_stays_is_said_before_it_begins(shop: World) -> None:
    planned = valid("deploy", deploy(shop.site(), [SECOND.digest], plan_only=True))
    says = (
        "an automatic rollback brings back the code, and not the data: what migrate did to it stays"
    )
    assert planned["warning"] == says
    assert [job["service"] for job in planned["jobs"]] == ["migrate"]
    assert "run job migrate" in planned["steps"]
    deploy(shop.site(), [SECOND.digest])
    assert says in shop.observer.lines
    for other in (HARMLESS, UNDOABLE, FIRST):
        assert not deploy(shop.site(), [other.digest], plan_only=True).warning  # type: ignore[union-attr]


def test_an_automatic_rollback_takes_back_what_can_be(shop: World) -> None:
    behave(shop, UNDOABLE, api=dataclasses.replace(WELL, health="unhealthy"))
    with pytest.raises(RolledBack) as failed:
        deploy(shop.site(), [UNDOABLE.digest])
    assert "stays" not in failed.value.state
    assert started(shop) == [
        "start db", "start migrate", "start api",
        "start migrate-down", "remove migrate-down migrate", "start db", "start api",
    ]  # fmt: skip
    assert runs(shop) == {"api": "healthy", "db": "healthy"}
    shop.engine.calls.clear()
    behave(shop, UNDOABLE, api=WELL)
    deploy(shop.site(), [UNDOABLE.digest])
    assert "start migrate" in started(shop), "it was taken back, so it has to run again"


def test_what_ended_while_the_engine_was_away_is_taken_back(shop: World) -> None:
    shop.engine.faults.at("logs migrate", lambda: shop.engine.away(1))
    with pytest.raises(RolledBack):
        deploy(shop.site(), [UNDOABLE.digest])
    assert "start migrate-down" in started(shop)
    assert runs(shop) == {"api": "healthy", "db": "healthy"}


def test_what_did_not_happen_is_not_taken_back(shop: World) -> None:
    behave(shop, UNDOABLE, migrate=FAILS)
    with pytest.raises(RolledBack):
        deploy(shop.site(), [UNDOABLE.digest])
    assert "start migrate-down" not in started(shop)
    assert any("so migrate-down is not run" in line for line in shop.observer.lines)


def test_an_undo_that_fails_calls_a_person(shop: World) -> None:
    behave(shop, UNDOABLE, api=dataclasses.replace(WELL, health="unhealthy"), back=FAILS)
    with pytest.raises(MorphopsError) as failed:
        deploy(shop.site(), [UNDOABLE.digest])
    assert failed.value.exit_code == 5
    assert "job migrate-down failed: exit code 3" in failed.value.message()


def test_a_rollback_across_a_migration_needs_to_be_meant(shop: World) -> None:
    deploy(shop.site(), [SECOND.digest])
    with pytest.raises(PreconditionError, match="migrate ran since") as refused:
        rollback(shop.site(), reason="it is slow")
    (line,) = refused.value.detail
    assert line.startswith(f"migrate ran for {SECOND.digest[7:19]} at 20")
    assert "--across-jobs" in refused.value.hint
    assert shop.outcomes[-1] == ("deploy", "deployed")
    shop.engine.calls.clear()
    rollback(shop.site(), reason="it is slow", across_jobs=True)
    assert "start migrate" not in started(shop)
    assert status(shop.site()).state == "healthy"
    assert valid("drift", drift.look(shop.site()))["state"] == "as released"
    # It ran; to come back needs nothing of it.
    deploy(shop.site(), [SECOND.digest])
    assert "start migrate" not in started(shop)


def test_a_rollback_across_a_reversible_one_does_not(shop: World) -> None:
    deploy(shop.site(), [HARMLESS.digest])
    rollback(shop.site(), reason="it is slow")
    assert status(shop.site()).state == "healthy"


def test_a_rollback_takes_back_what_the_release_that_is_left_can(shop: World) -> None:
    deploy(shop.site(), [UNDOABLE.digest])
    shop.engine.calls.clear()
    rollback(shop.site(), reason="it is slow")
    assert started(shop)[:3] == ["start migrate-down", "remove migrate-down migrate", "start db"]
    assert runs(shop) == {"api": "healthy", "db": "healthy"}
    assert status(shop.site()).state == "healthy"
    shop.engine.calls.clear()
    deploy(shop.site(), [UNDOABLE.digest])
    assert "start migrate" in started(shop)


def test_a_rollback_that_fails_runs_again_what_it_took_back(shop: World) -> None:
    deploy(shop.site(), [UNDOABLE.digest])
    behave(shop, FIRST, api=dataclasses.replace(WELL, health="unhealthy"))
    shop.engine.calls.clear()
    with pytest.raises(RolledBack):
        rollback(shop.site(), reason="it is slow")
    assert not any("stays" in line for line in shop.observer.lines)
    assert [call for call in started(shop) if "migrate" in call] == [
        "start migrate-down", "remove migrate-down migrate", "start migrate",
    ]  # fmt: skip
    assert runs(shop)["migrate"] == "exited 0"
    assert status(shop.site()).state == "healthy"


# --- interrupted in the middle


def interrupted(
    world: World, which: Release, at: str = "start migrate", *, done: bool = True
) -> None:
    """Kill a deploy when it is told to start something, or has done it."""
    world.engine.faults.at(at, Killed(), when="after" if done else "before")
    with pytest.raises(Killed):
        deploy(world.site(), [which.digest])
    world.engine.faults.clear()
    world.engine.calls.clear()


def test_one_that_is_still_at_work_is_waited_for(shop: World) -> None:
    interrupted(shop, SECOND)
    assert runs(shop)["migrate"] == "none"
    resume(shop.site())
    assert "start migrate" not in started(shop)
    assert shop.outcomes[-1] == ("deploy", "deployed")


def test_one_that_ended_meanwhile_counts(shop: World) -> None:
    interrupted(shop, SECOND)
    shop.engine.becomes("migrate", state="exited", exit_code=0)
    resume(shop.site())
    assert "start migrate" not in started(shop)
    assert shop.outcomes[-1] == ("deploy", "deployed")


def test_one_that_was_killed_does_not_run_twice(shop: World) -> None:
    interrupted(shop, SECOND)
    shop.engine.becomes("migrate", state="exited", exit_code=137)
    with pytest.raises(PreconditionError, match="migrate exited with 137") as refused:
        resume(shop.site())
    assert "inv logs --service=migrate" in refused.value.hint
    assert "inv abort" in refused.value.hint
    assert shop.outcomes[-1] == ("deploy", "")
    abort(shop.site())
    assert any("what migrate did to the data stays" in line for line in shop.observer.lines)
    assert runs(shop) == {"api": "healthy", "db": "healthy"}
    deploy(shop.site(), [SECOND.digest])
    assert runs(shop)["migrate"] == "exited 0"


def test_nor_one_whose_container_is_gone(shop: World) -> None:
    interrupted(shop, SECOND, "logs migrate")
    shop.engine.vanish("migrate")
    with pytest.raises(PreconditionError, match="its container is gone"):
        resume(shop.site())


@pytest.mark.parametrize("gone", [False, True])
def test_one_that_never_began_runs(shop: World, gone: bool) -> None:
    interrupted(shop, SECOND, done=False)
    if gone:
        shop.engine.vanish("migrate")
    resume(shop.site())
    assert "start migrate" in started(shop)


def test_one_that_may_be_repeated_is(shop: World) -> None:
    interrupted(shop, REPEATABLE)
    shop.engine.becomes("migrate", state="exited", exit_code=137)
    resume(shop.site())
    assert started(shop).count("start migrate") == 1
    assert runs(shop)["migrate"] == "exited 0"


def test_one_that_passed_before_the_kill_does_not_run_again(shop: World) -> None:
    interrupted(shop, SECOND, "start api")
    resume(shop.site())
    assert "start migrate" not in started(shop)


def test_abort_stops_what_is_still_at_work(shop: World) -> None:
    interrupted(shop, SECOND)
    abort(shop.site())
    assert runs(shop) == {"api": "healthy", "db": "healthy"}


def test_abort_takes_back_what_passed(shop: World) -> None:
    interrupted(shop, UNDOABLE, "start api")
    abort(shop.site())
    assert started(shop)[0] == "start migrate-down"
    assert runs(shop) == {"api": "healthy", "db": "healthy"}


def test_a_rollback_that_is_interrupted_while_it_takes_back(shop: World) -> None:
    deploy(shop.site(), [UNDOABLE.digest])
    for gone, ends in (("start migrate-down", resume), ("start db", resume), ("start db", abort)):
        shop.engine.faults.at(gone, Killed(), when="after")
        with pytest.raises(Killed):
            rollback(shop.site(), reason="it is slow")
        shop.engine.faults.clear()
        ends(shop.site())
        assert status(shop.site()).state == "healthy"
        if ends is resume:
            assert runs(shop) == {"api": "healthy", "db": "healthy"}
            deploy(shop.site(), [UNDOABLE.digest])
        assert runs(shop)["migrate"] == "exited 0"


def upgrade(world: World) -> object:
    return deploy(world.site(), [UNDOABLE.digest])


def failing(world: World) -> object:
    """An upgrade that is undone by itself, once its migration ran."""
    behave(world, UNDOABLE, api=dataclasses.replace(WELL, health="unhealthy"))
    try:
        return upgrade(world)
    except RolledBack:
        return None
    finally:
        behave(world, UNDOABLE, api=WELL)


def back(world: World) -> object:
    return rollback(world.site(), reason="it is slow")


@pytest.mark.parametrize(
    ("prepare", "act"),
    [((), upgrade), ((), failing), ((upgrade,), back)],
    ids=["an upgrade", "one that is undone", "a rollback"],
)
def test_killed_at_each_entry(place: Path, shop: World, prepare: tuple[Act, ...], act: Act) -> None:
    """Each migration runs once, each undo once; and what runs in the end fits the data."""
    at_once = dataclasses.replace(ENDS, lasts=0)
    behave(shop, UNDOABLE, migrate=at_once, back=at_once)
    for before in prepare:
        before(shop)
    engine = keep(shop)
    for at in range(1, 100):
        world = laid(place, engine)
        if not is_killed(world, act, at):
            break
        calls = [*world.engine.calls]
        killed = keep(world)
        for end in (abort, resume):
            world = laid(place, killed)
            if world.outcomes[-1][1]:
                continue  # it had written its last entry, and was done
            forward = end is resume
            try:
                end(world.site())
            except RolledBack:  # the sick container was there already
                forward = False
                assert act is failing
            assert status(world.site()).state == "healthy"
            told = [*calls, *world.engine.calls]
            # The data has what each run brought, and lacks what each undo took.
            changed = told.count("start migrate") - told.count("start migrate-down")
            wanted = (-1 if act is back else 1) if forward else 0
            assert changed == wanted, (at, end, told)
    assert 9 < at < 99, "there were points, and it came to its end"


# --- what is refused


@pytest.mark.parametrize(
    ("compose", "bundle_text", "says"),
    [
        (
            WAITS.replace("profiles: [undo]", 'profiles: [undo]\n    restart: "no"').replace(
                "command: [migrate, up]", "command: [migrate, up]\n    restart: always"
            ),
            bundle(),
            'migrate: is a job, and restart: always would start it again; write restart: "no"',
        ),
        (WITH_JOB, bundle(undo="nothing"), "migrate: its undo nothing is no service"),
        (
            WAITS,
            bundle().replace("  - {services: [migrate]}\n", "").replace("[api]", "[api, migrate]"),
            "api: waits for migrate to end; put migrate in an earlier wave",
        ),
        (
            WAITS.replace("command: [migrate, up]", "command: [migrate, up]\n    scale: 2"),
            bundle(),
            "migrate: is a job, and has a scale of 2",
        ),
    ],
)
def test_what_cannot_work_is_refused(
    shop: World, compose: str, bundle_text: str, says: str
) -> None:
    images = {"migrate": "1", "back": "1"}
    broken = release_of(api="4", bundle=bundle_text, compose=compose, more=images)
    shop.keep(broken, migrate=ENDS, back=BACK)
    with pytest.raises(InputError) as refused:
        deploy(shop.site(), [broken.digest])
    assert says in refused.value.message()
    assert started(shop) == []


def test_what_ends_and_is_no_job_is_refused_with_the_way_out(shop: World) -> None:
    ends = 'command: [migrate, up]\n    restart: "no"'
    compose = WITH_JOB.replace("command: [migrate, up]", ends)
    text = bundle().partition("jobs:")[0]
    images = {"migrate": "1", "back": "1"}
    without = release_of(api="4", bundle=text, compose=compose, more=images)
    shop.keep(without, migrate=ENDS, back=BACK)
    with pytest.raises(InputError, match="restart: no is for what ends") as refused:
        deploy(shop.site(), [without.digest])
    assert "jobs: {migrate: {}}" in refused.value.hint


def test_what_another_waits_for_is_a_job_without_being_named(shop: World) -> None:
    compose = WAITS.replace("profiles: [undo]", "profiles: [never]")
    text = bundle().partition("jobs:")[0]
    unnamed = release_of(api="4", bundle=text, compose=compose, more={"migrate": "4", "back": "4"})
    shop.keep(unnamed, migrate=ENDS, back=BACK)
    deploy(shop.site(), [unnamed.digest])
    assert started(shop) == ["start db", "start migrate", "start api"]


@pytest.mark.parametrize("act", [recreate.recreate, restart.restart])
def test_a_job_is_neither_restarted_nor_recreated(
    shop: World, act: Callable[[Site, Sequence[str]], object]
) -> None:
    with pytest.raises(InputError, match="migrate is a job") as caught:
        act(shop.site(), ["api", "migrate"])
    assert f"inv deploy --image={FIRST.digest} --run-job=migrate" in caught.value.hint
    assert started(shop) == []


def test_a_job_does_not_run_again_because_what_it_needs_is_recreated(shop: World) -> None:
    done = valid("recreate", recreate.recreate(shop.site(), ["db"], reason="x"))
    assert {c["service"]: c["action"] for c in done["changes"]} == {
        "api": "replace", "db": "replace", "migrate": "keep",
    }  # fmt: skip
    assert started(shop) == ["start db", "start api"]


def test_where_a_project_was_destroyed_a_job_runs_again(shop: World) -> None:
    """What it did is gone with the data."""
    destroy(shop.site(), project="shop")
    deploy(shop.site(), [FIRST.digest])
    assert started(shop)[-3:] == ["start db", "start migrate", "start api"]


def test_a_plan_names_no_job_among_what_has_no_health_check(shop: World) -> None:
    plan = valid("deploy", deploy(shop.site(), [SECOND.digest], plan_only=True))
    assert "migrate" not in plan["unchecked"]
