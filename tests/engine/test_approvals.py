"""An invariant is broken only where an approval is recorded: in the files, and on what runs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.base_images.assemble import BaseImage
from tests import stacks
from tests.engine.helpers import Release, containers, front_port
from tests.stacks import SECRET, Inv, Result

pytestmark = pytest.mark.engine

NAME = "--name=never-loose"
GRANT = ("approval.grant", NAME, "--reason=incident 12")
REVOKE = ("approval.revoke", NAME, "--reason=it is over")


def loose(inv: Inv, folder: Path) -> str:
    """The option for an env file that puts the forbidden flag on the front's command line."""
    path = folder / "loose.env"
    stacks.write_env(
        path,
        DATA_DIR=str(inv.folder / "data"),
        FRONT_PORT=front_port(inv),
        FRONT_FLAG=f"--loose={SECRET}",
    )
    return f"--env-file={path}"


def refused(done: Result, code: int = 3) -> None:
    assert done.code == code, done
    told = done.out + done.err
    assert "front: --loose is on its command line, and no approval of that is" in told
    assert "loose answers may be anybody's" in told
    assert SECRET not in done.out + done.err


def difference(inv: Inv) -> list[dict[str, Any]]:
    """The differences that `drift` finds."""
    found = inv("drift", "--json")
    rows: list[dict[str, Any]] = found.json["differences"]
    assert found.code == (6 if rows else 0), found
    return rows


def test_a_release_that_breaks_an_invariant_needs_an_approval(
    inv: Inv, release: Release, tmp_path: Path
) -> None:
    good, waiting = release(), release(pair="v2")
    env = loose(inv, tmp_path)
    refused(inv("deploy", f"--image={good}", env, "--plan"))
    first = inv("deploy", f"--image={good}", env)
    refused(first)
    assert f"inv approval.grant {NAME} --reason=…" in first.err
    assert containers(inv) == {}
    assert inv("history", "--json").json["operations"] == []

    for words in (GRANT[:2], REVOKE[:2], ("approval.grant", "--name=x", "--reason=y")):
        wrong = inv(*words)
        assert wrong.code == 2, wrong
    # One that was killed in the middle was never given, and stands in nobody's way.
    assert inv.killed(1, *GRANT).code == -9
    refused(inv("deploy", f"--image={good}", env))

    before = inv("release.list", "--json").json
    given = inv(*GRANT, "--json")
    assert (given.code, given.json["state"], given.json["changed"]) == (0, "approved", True), given
    assert inv(*GRANT, "--json").json["changed"] is False
    (row,) = inv("approval.list", "--json").json["invariants"]
    assert (row["approved"], row["service"], row["reason"]) == (True, "front", "incident 12")
    assert row["operation"] == given.json["operation"]
    assert "incident 12" in inv("approval.list").out
    assert inv("release.list", "--json").json == before

    assert inv("deploy", f"--image={good}", env, "--reason=incident 12").code == 0
    assert inv("verify").code == 0
    assert difference(inv) == []
    # It covers the invariant, not one release.
    assert inv("deploy", f"--image={waiting}", env).code == 0

    assert inv(*REVOKE, "--json").json["state"] == "not approved"
    assert inv(*REVOKE, "--json").json["changed"] is False
    refused(inv("verify"), 6)
    (found,) = difference(inv)
    assert (found["kind"], found["subject"]) == ("invariant", "front")
    refused(inv("up"))
    refused(inv("rollback", "--reason=x"))
    assert inv("deploy", f"--image={waiting}").code == 0
    assert inv("audit.verify").code == 0
    kinds = [
        (row["kind"], row["subject"], row["outcome"])
        for row in inv("history", "--json").json["operations"]
    ]
    assert kinds == [
        ("approve", "never-loose", ""),
        ("approve", "never-loose", "recorded"),
        ("deploy", "", "deployed"),
        ("deploy", "", "deployed"),
        ("revoke", "never-loose", "recorded"),
        ("deploy", "", "deployed"),
    ]


def test_what_an_image_brings_is_seen_when_it_runs(
    inv: Inv, release: Release, images: dict[str, str], bases: dict[str, BaseImage]
) -> None:
    """No file of the release has the flag: only the engine's own command line does."""
    good = release()
    assert inv("deploy", f"--image={good}").code == 0
    hidden = stacks.variant(
        bases["python"],
        inv.registry,
        "morphops-test/front",
        entrypoint=("sh", "-c", 'exec "$@"', "--loose"),
        ROLE="front",
    )
    failed = inv("deploy", f"--image=front={hidden}")
    assert failed.code == 4, failed
    assert "front: --loose is on its command line" in failed.err
    assert inv("verify").code == 0
    assert inv(*GRANT).code == 0
    done = inv("deploy", f"--image=front={hidden}")
    assert done.code == 0, done


def test_a_container_that_somebody_put_there(inv: Inv, release: Release) -> None:
    assert inv("deploy", f"--image={release()}").code == 0
    project = inv("status", "--json").json["project"]

    def docker(*words: str) -> str:
        return subprocess.run(
            ["docker", *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    image = docker("inspect", "-f", "{{.Image}}", f"{project}-front-1")
    docker("rm", "-f", f"{project}-front-1")
    label = "--label=com.docker.compose"
    docker("run", "-d", "--init", f"--name={project}-front-1", f"{label}.project={project}",
           f"{label}.service=front", image, "sh", "-c", 'sleep 60; true --loo"se"')  # fmt: skip
    found = {(row["kind"], row["subject"]) for row in difference(inv)}
    docker("rm", "-f", f"{project}-front-1")  # Compose leaves what it did not make
    assert ("invariant", "front") in found
