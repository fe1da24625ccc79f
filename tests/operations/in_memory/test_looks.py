"""What looks at a project, and what changes its history only, in memory."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from morphops.core.lock import Holder
from morphops.errors import (
    GateFailed,
    InputError,
    IntegrityError,
    LockHeld,
    LockLost,
    MorphopsError,
    PreconditionError,
)
from morphops.operations import approval, audit, down, drift, lock, logs, pull, smoke, wait
from morphops.operations.deploy import deploy
from morphops.operations.env.check import check
from morphops.operations.env.show import show
from morphops.operations.history import adopt
from morphops.operations.history.show import history
from morphops.operations.prune.prune import prune
from morphops.operations.release.list import list_releases
from morphops.operations.rollback import rollback
from morphops.operations.status import status
from morphops.operations.verify import verify
from morphops.site import Site
from tests.operations.in_memory.world import NEW, OLD, OLD_RUNS, PROJECT, SECRET, World
from tests.results import valid

INVARIANTS = """
invariants:
  quiet: {service: api, forbids: [--verbose], why: it shows what people ask}
"""


@pytest.fixture
def guarded(world: World) -> World:
    """A project whose bundle has an invariant."""
    path = world.folder / "ops/bundle.yaml"
    path.write_text(path.read_text() + INVARIANTS)
    return world


def test_an_approval_is_granted_listed_and_revoked(guarded: World) -> None:
    granted = valid("approval.grant", approval.grant(guarded.site(), "quiet", reason="a search"))
    assert (granted["state"], granted["changed"], granted["operation"]) == ("approved", True, 1)
    again = approval.grant(guarded.site(), "quiet", reason="a search")
    assert (again.changed, again.operation) == (False, 0)
    (row,) = valid("approval.list", approval.show(guarded.site()))["invariants"]
    assert (row["name"], row["approved"], row["reason"]) == ("quiet", True, "a search")
    assert (row["service"], row["forbids"]) == ("api", ["--verbose"])
    revoked = valid("approval.revoke", approval.revoke(guarded.site(), "quiet", reason="found"))
    assert (revoked["state"], revoked["changed"]) == ("not approved", True)
    assert not approval.revoke(guarded.site(), "quiet", reason="found").changed
    (row,) = valid("approval.list", approval.show(guarded.site()))["invariants"]
    assert (row["approved"], row["by"]) == (False, "")
    assert guarded.outcomes == [("approve", "recorded"), ("revoke", "recorded")]


def test_an_approval_that_outlives_its_invariant_is_listed_and_can_be_revoked(
    guarded: World,
) -> None:
    approval.grant(guarded.site(), "quiet", reason="a search")
    path = guarded.folder / "ops/bundle.yaml"
    path.write_text(path.read_text().replace(INVARIANTS, ""))
    (row,) = approval.show(guarded.site()).invariants
    assert (row.name, row.approved, row.why) == ("quiet", True, "")
    assert approval.revoke(guarded.site(), "quiet", reason="over").changed
    assert approval.show(guarded.site()).invariants == ()


@pytest.mark.parametrize(
    ("name", "reason", "says"),
    [("loud", "x", "no invariant 'loud' .there are: quiet"), ("quiet", "", "needs a reason")],
)
def test_an_approval_that_is_refused(guarded: World, name: str, reason: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        approval.grant(guarded.site(), name, reason=reason)
    assert refused.value.exit_code == 2
    assert guarded.records == ()


def test_a_revocation_of_what_nobody_knows(guarded: World) -> None:
    with pytest.raises(InputError, match="there is no invariant 'loud'") as refused:
        approval.revoke(guarded.site(), "loud", reason="x")
    assert refused.value.state == "nothing was changed"


def test_invariants_of_a_release_that_cannot_be_read_are_those_of_the_working_tree(
    running: World,
) -> None:
    path = running.folder / "ops/bundle.yaml"
    path.write_text(path.read_text() + INVARIANTS)
    assert [row.name for row in approval.show(running.site()).invariants] == ["quiet"]
    for layout in (running.folder / "state/releases").iterdir():
        (layout / "index.json").write_bytes(b"{}")
    assert [row.name for row in approval.show(running.site()).invariants] == ["quiet"]


def test_log_lines_are_redacted(running: World) -> None:
    view = valid("logs", logs.logs(running.site(), [], 50))
    assert set(view["logs"]) == set(OLD_RUNS)
    assert view["logs"]["api"] == ["starting", "the token is REDACTED"]
    assert SECRET not in json.dumps(view)
    assert list(logs.logs(running.site(), ["api"], 50).logs) == ["api"]


def test_logs_of_a_service_that_is_not_there(running: World) -> None:
    with pytest.raises(InputError, match=r"no service 'web' is there \(there are: api, db, worker"):
        logs.logs(running.site(), ["web"], 50)


def test_logs_that_cannot_be_redacted_are_not_shown(running: World) -> None:
    running.site().state.deployment(1).values.unlink()
    with pytest.raises(MorphopsError) as refused:
        logs.logs(running.site(), [], 50)
    assert SECRET not in refused.value.message()
    assert refused.value.exit_code == 3


def test_what_runs_as_released_does_not_differ(running: World) -> None:
    view = valid("drift", drift.look(running.site()))
    assert (view["state"], view["exit"], view["findings"]) == ("as released", 0, [])


def test_what_was_changed_beside_a_deploy_differs(running: World) -> None:
    running.engine.becomes("db", health="unhealthy")
    running.engine.becomes("worker", state="exited")
    view = valid("drift", drift.look(running.site()))
    assert (view["state"], view["exit"]) == ("drift", 6)
    assert {row["subject"] for row in view["differences"]} >= {"db"}
    assert view["next"].startswith("inv up --reason=…")


def test_a_probe_that_does_not_pass_is_a_difference(running: World) -> None:
    manifest = running.folder / "data/manifest.json"
    manifest.write_text(manifest.read_text().replace('"epoch": 7', '"epoch": 8'))
    view = valid("drift", drift.look(running.site()))
    what = "epoch: served 7, the document says 8"
    assert view["differences"] == [{"kind": "probe", "subject": "ready", "what": what}]
    assert (view["state"], view["exit"]) == ("drift", 6)


def test_what_was_stopped_on_purpose_does_not_differ(running: World) -> None:
    down.down(running.site(), reason="a new disk")
    assert valid("drift", drift.look(running.site()))["state"] == "down"


@pytest.mark.parametrize("look", [drift.look, smoke.smoke, wait.wait])
def test_without_a_release_there_is_nothing_to_look_at(world: World, look: object) -> None:
    assert callable(look)
    with pytest.raises(PreconditionError) as refused:
        look(world.site())
    assert refused.value.exit_code == 3


def test_a_smoke_test_reads_every_probe_once(running: World) -> None:
    view = valid("smoke", smoke.smoke(running.site()))
    assert (view["state"], view["exit"]) == ("healthy", 0)
    assert set(view["probes"]) == {"data", "ready"}


def test_a_smoke_test_says_which_probe_does_not_pass(running: World) -> None:
    running.write_data(b"other rows")
    view = valid("smoke", smoke.smoke(running.site()))
    assert (view["state"], view["exit"]) == ("unhealthy", 3)
    assert [finding["subjects"] for finding in view["findings"]] == [["data"]]
    assert view["next"] == "inv status; inv logs; inv rollback --reason=…"


def test_waiting_for_what_is_healthy(running: World) -> None:
    assert valid("wait", wait.wait(running.site()))["release"] == OLD.digest


def test_waiting_for_what_stays_sick_ends(running: World) -> None:
    running.engine.becomes("api", health="unhealthy", health_output="503")
    with pytest.raises(GateFailed) as failed:
        wait.wait(running.site())
    assert failed.value.state == "nothing was changed"
    assert failed.value.hint == "inv status; inv logs; inv up --reason=…"


def test_a_pull_fetches_and_holds_and_starts_nothing(running: World) -> None:
    view = valid("pull", pull.pull(running.site(), [NEW.digest]))
    assert view["release"] == NEW.digest
    assert "hold api" in running.engine.calls
    assert not any(call.startswith(("start", "remove")) for call in running.engine.calls)
    assert running.runs == OLD_RUNS


def test_the_lock_that_is_free_and_held(running: World) -> None:
    assert valid("lock.status", lock.status(running.site()))["state"] == "free"
    seen: list[dict[str, object]] = []
    running.engine.faults.at(
        "start api", lambda: seen.append(valid("lock.status", lock.status(running.site())))
    )
    deploy(running.site(), [NEW.digest])
    (view,) = seen
    assert view["state"] == "held"
    assert isinstance(view["holder"], dict)
    assert str(view["holder"]["what"]).startswith("deploy ")
    assert isinstance(view["under_way"], dict)
    assert view["under_way"]["operation"] == 2


LOOKS: dict[str, Callable[[Site], object]] = {
    "status": status,
    "drift": drift.look,
    "verify": verify,
    "smoke": smoke.smoke,
    "wait": wait.wait,
    "logs": lambda site: logs.logs(site, "", 10),
    "history": lambda site: history(site, 10),
    "prune": lambda site: prune(site, apply=False, build_cache=False),
    "audit.show": lambda site: audit.show(site, 0, 10),
    "audit.verify": lambda site: audit.verify(site, ""),
    "lock.status": lock.status,
    "release.list": list_releases,
    "approval.list": approval.show,
    "env.check": check,
    "env.show": show,
    "deploy --plan": lambda site: deploy(site, [NEW.digest], plan_only=True),
}


@pytest.mark.parametrize("name", LOOKS)
def test_who_looks_needs_no_lock(running: World, name: str) -> None:
    """None of them waits for it, and none is refused: who holds it never lets go meanwhile."""
    running.engine.locks[PROJECT] = holder = Holder(
        token="t", what="a deploy", reason="", user="ben", host="h", pid=1, since="s"
    )
    LOOKS[name](running.site())
    assert running.engine.locks[PROJECT] is holder
    with pytest.raises(LockHeld, match="a deploy, by ben"):
        down.down(running.site(), reason="x")


def test_a_lock_is_taken_from_one_who_hangs(running: World) -> None:
    def taken() -> None:
        broken = valid("lock.break", lock.take_away(running.site(), reason="it hangs"))
        assert (broken["changed"], broken["cut_off"]) == (True, 2)

    running.engine.faults.at("start api", taken)
    with pytest.raises(LockLost):
        deploy(running.site(), [NEW.digest])
    assert ("break", "broken") in running.outcomes


def test_a_lock_that_nobody_holds_is_not_taken(running: World) -> None:
    broken = valid("lock.break", lock.take_away(running.site(), reason="it hangs"))
    assert (broken["changed"], broken["holder"]) == (False, None)
    assert running.outcomes == [("deploy", "deployed")]


def test_a_lock_that_the_engine_does_not_give_back_may_still_be_held(running: World) -> None:
    running.engine.locks[PROJECT] = Holder(
        token="t", what="deploy", reason="", user="ben", host="h", pid=1, since="s"
    )
    running.engine.away(10)
    with pytest.raises(MorphopsError) as failed:
        lock.take_away(running.site(), reason="it hangs")
    assert failed.value.exit_code == 3


def test_a_history_that_the_engine_knows_needs_no_adoption(running: World) -> None:
    view = valid("history.adopt", adopt.adopt(running.site(), reason="a look"))
    assert (view["state"], view["changed"]) == ("as known", False)
    assert running.outcomes == [("deploy", "deployed")]


def test_what_runs_is_adopted_by_a_history_that_was_lost(running: World) -> None:
    running.site().history.path.unlink()
    with pytest.raises(PreconditionError):
        deploy(running.site(), [NEW.digest])
    view = valid("history.adopt", adopt.adopt(running.site(), reason="the disk was lost"))
    assert (view["state"], view["changed"], view["release"]) == ("adopted", True, OLD.digest)
    assert view["values"] == "the values of deployment 1"
    assert running.outcomes == [("adopt", "deployed")]
    deploy(running.site(), [NEW.digest])
    rollback(running.site(), reason="it is slow")
    assert running.runs == OLD_RUNS


def test_what_runs_is_adopted_with_the_values_of_the_env_file(running: World) -> None:
    running.site().history.path.unlink()
    running.site().state.deployment(1).values.unlink()
    view = valid("history.adopt", adopt.adopt(running.site(), reason="the disk was lost"))
    assert (view["release"], view["values"]) == (OLD.digest, str(running.folder / "state/shop.env"))


def test_other_values_prove_nothing_and_change_nothing(running: World) -> None:
    running.site().history.path.unlink()
    running.site().state.deployment(1).values.unlink()
    running.set(LEVEL="debug")
    with pytest.raises(PreconditionError, match="cannot be taken over") as refused:
        adopt.adopt(running.site(), reason="the disk was lost")
    assert refused.value.state == "nothing was changed"
    assert any(OLD.short in line for line in refused.value.detail)
    assert SECRET not in refused.value.message()
    view = valid("history.adopt", adopt.adopt(running.site(), reason="so", without_running=True))
    assert (view["changed"], view["release"]) == (True, "")
    assert running.outcomes == [("adopt", "adopted")]


def test_a_release_that_nobody_has_proves_nothing(running: World) -> None:
    running.site().history.path.unlink()
    for layout in (running.folder / "state/releases").iterdir():
        for path in layout.rglob("*"):
            if path.is_file():
                path.unlink()
    with pytest.raises(PreconditionError, match="cannot be taken over"):
        adopt.adopt(running.site(), reason="the disk was lost")


def test_a_history_that_was_edited_is_set_aside(running: World) -> None:
    path = running.site().history.path
    edited = path.read_bytes().replace(b'"deploy"', b'"rollbk"', 1)
    path.write_bytes(edited)
    with pytest.raises(IntegrityError):
        running.site().history.records()
    view = valid("history.adopt", adopt.adopt(running.site(), reason="it was edited"))
    assert view["changed"]
    assert view["why"]
    (aside,) = path.parent.glob("*.broken-*")
    assert view["set_aside"] == str(aside)
    assert aside.read_bytes() == edited
    assert running.outcomes[-1][0] == "adopt"


def test_an_adoption_says_why(running: World) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        adopt.adopt(running.site(), reason="")


def test_two_of_a_service_are_told_apart_in_the_logs(running: World) -> None:
    first = next(c for key, c in running.engine.containers.items() if key[2] == "api")
    second = dataclasses.replace(
        first, instance=dataclasses.replace(first.instance, id="another", replica_index=2)
    )
    running.engine.containers[second.key] = second
    said = logs.logs(running.site(), ["api"], 50).logs["api"]
    assert {line.partition(" | ")[0] for line in said} >= {"api-2"}
