"""A history that is not the one that the engine knows of: refused, shown, and adopted."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from morphops.adapters import actor
from morphops.core import lock
from morphops.operations import audit
from morphops.operations import status as operations_status
from morphops.report.console import Reporter
from morphops.site import open_site
from tests import stacks
from tests.engine.helpers import Release, containers, project
from tests.stacks import SECRET, Inv

pytestmark = pytest.mark.engine


def history(inv: Inv) -> Path:
    return inv.state / "history.jsonl"


def elsewhere(inv: Inv, folder: Path) -> Inv:
    """Another operator, who has the env file and nothing else."""
    state = folder / "other-state"
    state.mkdir(mode=0o700)
    other = dataclasses.replace(inv, state=state)
    (state / "test.env").write_bytes((inv.state / "test.env").read_bytes())
    (state / "test.env").chmod(0o600)
    return other


def refused(inv: Inv, *words: str) -> str:
    done = inv(*words)
    assert done.code == 3, done
    assert "the history here is not the one that the engine knows of" in done.err
    assert "state: nothing was changed" in done.err
    assert "inv history.adopt" in done.err
    return done.err


def test_an_end_that_was_cut_off(inv: Inv, release: Release) -> None:
    first, second = release(), release(pair="v2")
    for digest in (first, second):
        assert inv("deploy", f"--image={digest}").code == 0
    before = containers(inv)
    lines = history(inv).read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["id"] == 1]
    history(inv).write_text("".join(kept))

    said = refused(inv, "deploy", f"--image={first}")
    assert f"ends at entry {len(kept)}, but the engine was told of {len(lines)}" in said
    assert f"release of record {second.removeprefix('sha256:')[:12]}" in said
    for words in (("rollback", "--reason=x"), ("down",), ("prune", "--apply", "--reason=x")):
        refused(inv, *words)
    status = inv("status", "--json").json
    assert "was removed" in status["history"]
    proof = inv("audit.verify")
    assert proof.code == 3, proof
    assert "each of its" in proof.err
    assert containers(inv) == before

    # The values that the second one ran with are at hand, so it is known again.
    assert inv("history.adopt").code == 2  # not without a reason
    done = inv("history.adopt", "--reason=restored from a backup", "--json")
    assert done.code == 0, done
    assert (done.json["state"], done.json["release"]) == ("adopted", second)
    assert containers(inv) == before
    status = inv("status", "--json").json
    assert (status["release"], status["state"], status["history"]) == (second, "healthy", "")
    assert inv("audit.verify").code == 0
    assert inv("rollback", "--reason=test").code == 0
    assert inv("status", "--json").json["release"] == first
    again = inv("history.adopt", "--reason=x", "--json").json
    assert (again["state"], again["changed"]) == ("as known", False)


def test_a_state_folder_that_was_lost(inv: Inv, release: Release, tmp_path: Path) -> None:
    """Images and configuration come from the registry, values from the operator, and are proven."""
    runs, next_one = release(), release(pair="v2")
    assert inv("deploy", f"--image={runs}").code == 0
    before = containers(inv)
    new = elsewhere(inv, tmp_path)
    refused(new, "deploy", f"--image={next_one}")

    wrong = tmp_path / "wrong.env"
    text = (new.state / "test.env").read_text()
    wrong.write_text(text.replace(SECRET, "another-token"))
    wrong.chmod(0o600)
    done = new("history.adopt", "--reason=disk died", f"--env-file={wrong}")
    assert done.code == 3, done
    assert "a: the value of TOKEN is another" in done.err
    assert "--without-running" in done.err
    assert "another-token" not in done.err + done.out
    assert not history(new).exists()
    assert list((new.state / "deployments").iterdir()) == []

    done = new("history.adopt", "--reason=disk died", "--json")
    assert done.code == 0, done
    assert done.json["release"] == runs
    assert done.json["values"] == str(new.state / "test.env")
    assert containers(new) == before
    assert new("verify").code == 0
    assert new("drift", "--json").json["state"] == "as released"
    assert new("deploy", f"--image={next_one}").code == 0
    assert new("rollback", "--reason=test").code == 0
    assert new("status", "--json").json["release"] == runs
    kinds = [(r["kind"], r["outcome"]) for r in new("history", "--json").json["operations"]]
    assert kinds[0] == ("adopt", "deployed")
    # The one who was there before has to adopt in turn.
    refused(inv, "down")


def test_nothing_is_known_of_what_runs(inv: Inv, release: Release) -> None:
    """Neither here nor on the engine; so nobody can say what a failed deploy would go back to."""
    assert inv("deploy", f"--image={release()}").code == 0
    history(inv).unlink()
    stacks.forget(project(inv))
    failed = inv("deploy", f"--image={release(front='wrong')}")
    assert failed.code == 5, failed
    assert "there is no automatic rollback" in failed.err
    assert set(containers(inv)) == {"a", "b", "front"}
    # What it had deployed before was not written over.
    assert len(list((inv.state / "deployments").iterdir())) == 2


def test_what_was_under_way_is_known_without_an_engine(inv: Inv, release: Release) -> None:
    assert inv.killed(3, "deploy", f"--image={release()}").code == -9
    gone = inv("status", env={"DOCKER_HOST": "unix:///nobody/listens.sock"})
    assert gone.code == 3, gone
    assert "is incomplete, at: pull " in gone.err
    assert "release of record: none" in gone.err
    assert "inv resume" in gone.err


def test_who_looks_while_somebody_deploys_sees_no_tampering(inv: Inv, release: Release) -> None:
    """Entries and head change under whoever compares them; and what goes on was not cut off."""
    old, new = release(), release(pair="v2", front="v2")
    assert inv("deploy", f"--image={old}").code == 0
    bundle = str(inv.folder / "ops" / "bundle.yaml")
    site = open_site(Reporter(True), inv.environ | {"MORPHOPS_BUNDLE": bundle})
    looks, seen = 0, set()
    for digest in (new, old):
        deploy = inv.start("deploy", f"--image={digest}")
        while deploy.poll() is None:
            assert audit.verify(site, "").engine == "agrees"
            view = operations_status.status(site)
            assert view.history == ""
            seen.add(view.under_way and view.under_way.alive)
            looks += 1
        assert deploy.wait() == 0, deploy.communicate()
    assert looks > 5
    assert False not in seen
    assert True in seen


def test_beside_what_was_cut_off_somebody_may_be_at_something_else(
    inv: Inv, release: Release
) -> None:
    first = release()
    assert inv.killed(4, "deploy", f"--image={first}").code == -9
    bundle = str(inv.folder / "ops" / "bundle.yaml")
    site = open_site(Reporter(True), inv.environ | {"MORPHOPS_BUNDLE": bundle})
    for what in ("pull 0123456789ab", "release.pin", "deploy 0123456789ab"):
        with site.platform.lock.hold(site.bundle.project, actor.holder(what)):
            under_way = operations_status.status(site).under_way
            assert under_way is not None
            assert (under_way.alive, under_way.holder) == (False, ""), what
            assert "inv resume" in under_way.next
    with site.platform.lock.hold(site.bundle.project, actor.holder(lock.ABORT)):
        under_way = operations_status.status(site).under_way
        assert under_way is not None
        assert under_way.alive
