"""An env file that is encrypted: nothing else changes, and no disk holds a secret in plain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import stacks
from tests.engine.helpers import Release
from tests.paths import ROOT
from tests.stacks import Inv

pytestmark = pytest.mark.engine


def containers(inv: Inv) -> dict[str, Any]:
    rows = inv("status", "--json").json["services"]
    return {row["service"]: (row["created_by"], row["image"]["digest"]) for row in rows}


def in_plain(inv: Inv) -> list[Path]:
    """Files of the project that hold the secret as it is, and copies in memory.

    Tests that need no engine keep their own files in memory.
    """
    memory = Path("/dev/shm").iterdir()
    tests = ("pytest-of-", "morphops-test-")
    places = (inv.folder, inv.state, *(p for p in memory if not p.name.startswith(tests)))
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [path for path in files if stacks.SECRET.encode() in path.read_bytes()]


def encrypted(inv: Inv) -> Inv:
    assert inv("env.identity").code == 0
    assert inv("env.encrypt").code == 0
    return inv


def test_the_story(inv: Inv, release: Release) -> None:
    first, second, wrong = release(), release(pair="v2"), release(front="wrong")
    assert inv("deploy", f"--image={first}").code == 0
    before = containers(inv)
    assert {path.name for path in in_plain(inv)} == {"test.env", "values.env"}

    assert inv("env.encrypt").code == 2, "there is no identity yet"
    made = inv("env.identity", "--json").json
    done = inv("env.encrypt", "--json").json
    assert done["env_file"] == str(inv.state / "test.env.age")
    assert (done["deployments"], done["left"]) == ([1], [])
    assert done["recipients"] == made["recipients"]
    assert in_plain(inv) == []

    # Nothing is created anew for that, and the release of record is what it was.
    assert inv("drift").code == 0
    assert inv("deploy", f"--image={first}", "--json").json["changed"] is False
    assert inv("up", "--reason=drill", "--json").json["changed"] is False
    assert containers(inv) == before

    assert inv("deploy", f"--image={second}").code == 0
    assert inv("deploy", f"--image={wrong}").code == 4
    assert inv.killed(6, "deploy", f"--image={first}").code == -9
    assert inv("resume").code == 0
    assert inv("rollback", "--reason=drill").code == 0
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("healthy", second)
    assert in_plain(inv) == []


def test_without_the_identity_nothing_is_touched_and_status_still_tells(
    inv: Inv, release: Release
) -> None:
    first, second = release(), release(pair="v2")
    encrypted(inv)
    for digest in (first, second):
        assert inv("deploy", f"--image={digest}").code == 0
    before = containers(inv)
    (inv.folder / "identity.txt").rename(inv.folder / "elsewhere.txt")
    for words, code in (
        (("deploy", f"--image={first}"), 2),
        (("env.check",), 2),
        (("rollback", "--reason=drill"), 3),
        (("up",), 3),
        (("drift",), 3),
        (("logs",), 3),
    ):
        done = inv(*words)
        assert done.code == code, done
        assert "there is no age identity at" in done.err
        assert "Traceback" not in done.err
    status = inv("status", "--json")
    assert status.code == 0
    assert status.json["state"] == "unknown"
    assert containers(inv) == before
    # It comes back, wherever it lies.
    found = replace(inv, extra={"MORPHOPS_AGE_IDENTITY": str(inv.folder / "elsewhere.txt")})
    assert found("rollback", "--reason=drill").code == 0


def test_a_colleague_rolls_back(inv: Inv, release: Release, tmp_path: Path) -> None:
    first, second = release(), release(pair="v2")
    colleague = replace(inv, extra={"MORPHOPS_AGE_IDENTITY": str(tmp_path / "theirs.txt")})
    (theirs,) = colleague("env.identity", "--json").json["recipients"]
    encrypted(inv)
    for digest in (first, second):
        assert inv("deploy", f"--image={digest}").code == 0
    assert colleague("rollback", "--reason=drill").code == 3

    bundle = inv.folder / "ops/bundle.yaml"
    bundle.write_text(bundle.read_text().replace("env:\n", f"env:\n  recipients: [{theirs}]\n", 1))
    done = inv("env.encrypt", "--json").json
    assert theirs in done["recipients"]
    assert done["deployments"] == [1, 2]
    assert colleague("rollback", "--reason=drill").code == 0


def test_what_runs_is_proven_by_encrypted_values(inv: Inv, release: Release) -> None:
    encrypted(inv)
    assert inv("deploy", f"--image={release()}").code == 0
    next(inv.state.rglob("history.jsonl")).unlink()
    (inv.state / "test.env.age").unlink()
    adopted = inv("history.adopt", "--reason=the history was lost", "--json")
    assert adopted.code == 0, adopted
    assert adopted.json["values"] == "the values of deployment 1"
    assert inv("drift").code == 0


def test_a_torn_file_is_named_and_changes_nothing(inv: Inv, release: Release) -> None:
    first = release()
    encrypted(inv)
    path = inv.state / "test.env.age"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    done = inv("deploy", f"--image={first}")
    assert (done.code, "cannot be decrypted" in done.err) == (2, True), done
    shutil.copy(path, inv.state / "test.env")
    done = inv("env.check")
    assert (done.code, "are both there" in done.err) == (2, True), done


def test_the_runbook_leads_there(inv: Inv, release: Release) -> None:
    assert inv("deploy", f"--image={release()}").code == 0
    (inv.folder / "runbooks").symlink_to(ROOT / "runbooks")
    section = ("runbook.run", "maintenance", "--section=encrypt-the-env-file", "--yes")
    unsigned = inv(*section)
    assert (unsigned.code, "--sign-off=encrypt-save=NAME" in unsigned.err) == (2, True), unsigned
    done = inv(*section, "--resume", "--sign-off=encrypt-save=the on-call", "--json")
    assert done.code == 0, done
    assert "the on-call" in Path(done.json["report"]).read_text()
    assert in_plain(inv) == []
