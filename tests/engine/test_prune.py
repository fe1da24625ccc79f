"""After ten releases with failures between them: what prune leaves can all be used."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from morphops.base_image import BaseImage
from tests import stacks
from tests.engine.conftest import Release, free_port
from tests.stacks import Inv

pytestmark = pytest.mark.engine


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def foreign(bases: dict[str, BaseImage]) -> Iterator[tuple[str, str]]:
    """A stopped container and an image tag of somebody else."""
    name = f"morphops-test-foreign-{uuid.uuid4().hex[:8]}"
    image = docker("image", "ls", "-q", "--filter", "reference=morphops-test/registry:local")
    docker("tag", image, f"{name}:1")
    docker("create", "--name", name, image)
    yield name, f"{name}:1"
    docker("rm", "-f", name)
    docker("image", "rm", f"{name}:1")


def kept(inv: Inv) -> dict[str, Any]:
    listed = inv("release.list", "--json").json["releases"]
    return {row["release"]: row["kept_by"] for row in listed}


def test_ten_releases(
    inv: Inv,
    images: dict[str, str],
    bases: dict[str, BaseImage],
    registry: str,
    foreign: tuple[str, str],
) -> None:
    # Each release has an image of its own, so that there is something to free.
    made = {
        number: stacks.variant(
            bases["python"], registry, "morphops-test/front", MODE="ok", ROLE="front", N=str(number)
        )
        for number in range(1, 11)
    }
    good: list[str] = []
    for number, image in made.items():
        for front, code in ((images["front-wrong"], 4), (image, 0)):
            if code and number not in (4, 8):
                continue
            created = inv(
                "release.create",
                f"--image=pair={images['pair-ok']}",
                f"--image=front={front}",
                f"--label=number={number}",
                "--json",
            )
            release = created.json["release"]
            assert inv("deploy", f"--image={release}").code == code
            if not code:
                good.append(release)
    pinned = good[1]
    assert inv("release.pin", pinned[7:19], "--reason=the auditors ask for it").code == 0
    before = set(docker("image", "ls", "-q", "--no-trunc").split())

    plan = inv("prune", "--json").json
    assert plan["state"] == "planned"
    assert before == set(docker("image", "ls", "-q", "--no-trunc").split())
    assert set(plan["kept"]) == {*good[-3:], pinned}
    assert set(good) - set(plan["kept"]) <= set(plan["releases"])

    done = inv("prune", "--apply", "--reason=monthly", "--json")
    assert done.code == 0, done
    assert done.json["references"] == plan["references"]
    assert done.json["refused"] == []
    assert done.json["freed"] > 0
    assert set(kept(inv)) == {*good[-3:], pinned}
    assert not any(not reasons for reasons in kept(inv).values())
    name, tag = foreign
    assert docker("inspect", "--type=container", "-f", "{{.State.Status}}", name) == "created"
    assert docker("image", "inspect", "-f", "{{.Id}}", tag)
    project = inv("status", "--json").json["project"]
    tags = docker("image", "ls", f"morphops/{project}/*", "--format", "{{.Tag}}").split()
    assert set(tags) == {release[7:19] for release in (*good[-3:], pinned)}

    again = inv("prune", "--apply", "--json").json
    assert (again["nothing"], again["references"]) == (True, [])

    # No registry answers from here on.
    off = {"MORPHOPS_REGISTRY": f"127.0.0.1:{free_port()}"}
    dead = Inv(inv.folder, inv.state, off["MORPHOPS_REGISTRY"])
    for release in (good[-2], good[-3], pinned, good[-1]):
        back = dead("rollback", f"--to={release}", "--reason=x")
        assert back.code == 0, back
        status = dead("status", "--json").json
        assert (status["release"], status["state"]) == (release, "healthy")
    gone = dead("rollback", f"--to={good[0]}")
    assert gone.code == 3, gone
    assert "inv deploy --image=" in gone.err
    history = dead("history", "--json").json["operations"]
    assert ("prune", "pruned", "monthly") in {
        (row["kind"], row["outcome"], row["reason"]) for row in history
    }


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("prune", "--keep=0"), 2, "--keep is at least 1"),
        (("release.pin", "latest"), 2, "release digest"),
        (("release.pin", "sha256:" + "0" * 64), 3, "is not stored here"),
        (("release.show", "0" * 12), 2, "release digest"),
    ],
)
def test_bad_input(inv: Inv, words: tuple[str, ...], code: int, says: str) -> None:
    done = inv(*words)
    assert (done.code, says in done.err) == (code, True), done


def test_a_release_that_waits_to_be_deployed_stays(inv: Inv, release: Release) -> None:
    first, waiting = release(), release(pair="v2")
    assert inv("deploy", f"--image={first}").code == 0
    third = release(front="v2")
    assert set(inv("prune", "--json").json["kept"]) == {first, third}
    assert inv("release.unpin", waiting, "--json").json["changed"] is False
