"""After several releases with failures between them: what prune leaves can all be used."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.base_images.assemble import BaseImage
from morphops.adapters.docker.buildx import Buildx
from morphops.adapters.docker.client import Docker
from tests import stacks
from tests.engine.helpers import Release
from tests.stacks import Inv, free_port

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


def names_of_images(registry: str) -> set[str]:
    """What may go is among them; of other images, others that work here may have more or fewer."""
    names = docker("image", "ls", "--digests", "--format", "{{.Repository}}@{{.Digest}}").split()
    return {name for name in names if name.startswith(registry)}


def kept(inv: Inv) -> dict[str, Any]:
    listed = inv("release.list", "--json").json["releases"]
    return {row["release"]: row["kept_by"] for row in listed}


@pytest.mark.long
def test_many_releases(
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
        for number in range(1, 6)
    }
    good: list[str] = []
    for number, image in made.items():
        for front, code in ((images["front-wrong"], 4), (image, 0)):
            if code and number != 3:
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
    # What is rolled back from is healthy, and stays.
    assert inv("rollback", f"--to={good[0]}", "--reason=drill").code == 0
    stay = {good[0], *good[-2:], pinned}
    before = names_of_images(registry)

    # What a service of an earlier bundle left behind goes; what one of the stack's left stays.
    project, label = inv("status", "--json").json["project"], "com.docker.compose"
    labels = [f"--label={label}.project={project}", f"--label={label}.service=retired"]
    image = docker("image", "ls", "-q", "--filter", "reference=morphops-test/registry:local")
    retired = docker("create", *labels, image)
    left = next(inv.state.rglob("history.jsonl")).parent / ".release.json.ab12_cd3.part"
    left.write_text("x")
    os.utime(left, (0, 0))

    plan = inv("prune", "--json").json
    assert plan["containers"] == [retired[:12]]
    assert plan["state"] == "planned"
    assert before == names_of_images(registry)
    assert set(plan["kept"]) == stay
    assert set(good) - set(plan["kept"]) <= set(plan["releases"])

    done = inv("prune", "--apply", "--reason=monthly", "--json")
    assert done.code == 0, done
    assert done.json["references"] == plan["references"]
    assert done.json["refused"] == []
    assert done.json["freed"] > 0
    assert retired not in docker("ps", "-aq", "--no-trunc").split()
    assert not left.exists()
    assert set(kept(inv)) == stay
    assert not any(not reasons for reasons in kept(inv).values())
    name, tag = foreign
    assert docker("inspect", "--type=container", "-f", "{{.State.Status}}", name) == "created"
    assert docker("image", "inspect", "-f", "{{.Id}}", tag)
    project = inv("status", "--json").json["project"]
    tags = docker("image", "ls", f"{inv.registry}/morphops-test/*", "--format", "{{.Tag}}").split()
    held = {tag for tag in tags if tag.startswith(f"morphops-{project}-")}
    assert held == {f"morphops-{project}-{release[7:19]}" for release in stay}

    again = inv("prune", "--apply", "--reason=monthly", "--json").json
    assert (again["nothing"], again["references"]) == (True, [])

    # No registry answers from here on.
    off = {"MORPHOPS_REGISTRY": f"127.0.0.1:{free_port()}"}
    dead = Inv(inv.folder, inv.state, off["MORPHOPS_REGISTRY"])
    for release in (good[-2], pinned, good[0]):
        back = dead("rollback", f"--to={release}", "--reason=x")
        assert back.code == 0, back
        status = dead("status", "--json").json
        assert (status["release"], status["state"]) == (release, "healthy")
    gone = dead("rollback", f"--to={good[-3]}", "--reason=drill")
    assert gone.code == 3, gone
    assert "inv deploy --image=" in gone.err
    history = dead("history", "--json").json["operations"]
    assert ("prune", "pruned", "monthly") in {
        (row["kind"], row["outcome"], row["reason"]) for row in history
    }


@pytest.fixture
def nameless(inv: Inv) -> Iterator[tuple[str, dict[str, str]]]:
    """Images without a name: one that our `build` made, and others, by what they are."""
    project = inv("status", "--json").json["project"]
    ours = f"morphops.project={project}"
    labels = {
        "another project's": [f"{ours}2"],
        "another checkout's": [ours, "another=checkout"],
        "somebody's": [f"somebody={project}"],
        "a container's, kept to look into": [ours, f"com.docker.compose.project={project}"],
    }
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()

    def made(words: list[str]) -> str:
        changes = [f"--change=LABEL {word}" for word in words]
        done = subprocess.run(
            ["docker", "import", *changes, "-"],
            input=empty.getvalue(),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    foreign = {whose: made(words) for whose, words in labels.items()}
    built = made([ours])
    # As `inv build` remembers it, of which this stack has none.
    (inv.state / "built.json").write_text(json.dumps({built: {}}))
    yield built, foreign
    docker("image", "rm", *foreign.values())


def test_what_was_built_here_goes_once_it_has_no_name(
    inv: Inv, nameless: tuple[str, dict[str, str]]
) -> None:
    ours, foreign = nameless
    assert inv("prune", "--json").json["nameless"] == [ours]
    done = inv("prune", "--apply", "--reason=room", "--json")
    assert (done.code, done.json["nameless"], done.json["refused"]) == (0, [ours], []), done
    left = docker("image", "ls", "-q", "--no-trunc", "--filter", "dangling=true").split()
    assert ours not in left
    assert set(foreign.values()) <= set(left)
    # Nothing is that old; what is meant is that the engine takes the call.
    Buildx(Docker()).prune_cache(100 * 365 * 24)


@pytest.fixture
def other(tmp_path: Path, registry: str) -> Iterator[Inv]:
    """A second project of the same images on the same engine."""
    name = f"morphops-test-{uuid.uuid4().hex[:8]}"
    (tmp_path / "other").mkdir()
    yield stacks.project(tmp_path / "other", name, free_port(), registry=registry)
    stacks.remove_stack(name)


def test_what_another_project_needs_stays(
    inv: Inv, release: Release, other: Inv, images: dict[str, str]
) -> None:
    for pair, front in (("ok", "ok"), ("v2", "ok"), ("v2", "v2")):
        assert inv("deploy", f"--image={release(pair=pair, front=front)}").code == 0
    theirs = Release(other, images)
    old, new = theirs(), theirs(pair="v2")
    for digest in (old, new):
        assert other("deploy", f"--image={digest}").code == 0
    done = inv("prune", "--keep=1", "--apply", "--reason=room", "--json").json
    assert len(done["releases"]) == 1
    project, (gone,) = inv("status", "--json").json["project"], done["releases"]
    repositories = (f"{inv.registry}/morphops-test/{name}" for name in ("pair", "front"))
    ours = {stacks.hold(project, repository, gone) for repository in repositories}
    # What earlier tests pulled and nobody needs any more may go as well.
    assert ours <= set(done["references"])
    shared = {images[name] for name in ("pair-ok", "pair-v2", "front-ok")}
    assert not [r for r in done["references"] if r.partition("@")[2] in shared]
    dead = Inv(other.folder, other.state, f"127.0.0.1:{free_port()}")
    back = dead("rollback", "--reason=x", "--json")
    assert (back.code, back.json["release"]) == (0, old), back


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("prune", "--keep=-1"), 2, "--keep=-1: write a whole number, 1 or more"),
        (("release.pin", "latest"), 2, "malformed release digest 'latest'"),
        (("release.pin", "sha256:" + "0" * 64), 3, "is not stored here"),
        (("release.show", "0" * 12), 2, "no release digest that is known here begins with"),
    ],
)
def test_bad_input(inv: Inv, words: tuple[str, ...], code: int, says: str) -> None:
    done = inv(*words)
    assert (done.code, says in done.err) == (code, True), done


def test_a_pin_holds_the_images_too(
    inv: Inv, images: dict[str, str], bases: dict[str, BaseImage], registry: str
) -> None:
    # An image that no other test has pulled.
    name, own = "morphops-test/pair", uuid.uuid4().hex
    pair = stacks.variant(bases["python"], registry, name, MODE="ok", ROLE="pair", N=own)
    named = (f"--image=pair={pair}", f"--image=front={images['front-ok']}")
    first = inv("release.create", *named, "--json").json["release"]
    refused = inv("release.pin", first[7:19], "--reason=audit")
    assert (refused.code, "images" in refused.err) == (3, True), refused
    assert inv("pull", f"--image={first}").code == 0
    project = inv("status", "--json").json["project"]
    tag = stacks.hold(project, f"{inv.registry}/morphops-test/pair", first)
    # With another name the image stays when it loses this one.
    docker("tag", tag, f"{tag}-more")
    docker("image", "rm", tag)
    assert inv("release.pin", first[7:19], "--reason=audit").code == 0
    assert docker("image", "inspect", "-f", "{{.Id}}", tag)


def test_a_release_that_waits_to_be_deployed_stays(inv: Inv, release: Release) -> None:
    first, waiting = release(), release(pair="v2")
    assert inv("deploy", f"--image={first}").code == 0
    third = release(front="v2")
    assert set(inv("prune", "--json").json["kept"]) == {first, third}
    assert inv("release.unpin", waiting, "--json").json["changed"] is False
