"""An engine with the containerd image store, which names images by manifest or index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import stacks
from tests.engine.faults.helpers import Elsewhere
from tests.engine.helpers import Release, assert_runs, deploy, project
from tests.stacks import Inv

pytestmark = [pytest.mark.engine, pytest.mark.long]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Elsewhere]:
    folder = tmp_path_factory.mktemp("engine")
    with Elsewhere(folder, registry, features={"containerd-snapshotter": True}).there() as made:
        yield made


@pytest.fixture
def inv(elsewhere: Elsewhere, tmp_path: Path, images: dict[str, str]) -> Iterator[Inv]:
    made = elsewhere.project(tmp_path)
    yield made
    elsewhere.remove(made)


def test_the_whole_story(inv: Inv, elsewhere: Elsewhere, release: Release) -> None:
    first, second = release(), release(pair="v2", front="v2")
    for made in (first, second):
        deploy(inv, made)
        assert_runs(inv, made)
        kinds = {row["image"]["kind"] for row in inv("status", "--json").json["services"]}
        assert kinds == {"manifest"}
    assert inv("verify").code == 0
    assert inv("drift").code == 0
    elsewhere.proxy.down()
    try:
        back = inv("rollback", "--reason=x")
        assert back.code == 0, back
    finally:
        elsewhere.proxy.up()
    assert_runs(inv, first)


def test_images_that_were_released_as_an_index(
    inv: Inv, images: dict[str, str], registry: str
) -> None:
    of_many = stacks.index(registry, "morphops-test/pair", images["pair-v2"])
    first = Release(inv, images)()
    second = Release(inv, images | {"pair-index": of_many})(pair="index")
    for made in (first, second):
        deploy(inv, made)
        assert_runs(inv, made)
    rows = {row["service"]: row["image"] for row in inv("status", "--json").json["services"]}
    assert rows["a"]["digest"] in (of_many, images["pair-v2"])
    assert inv("drift").code == 0
    assert inv("rollback", "--reason=x").code == 0
    assert_runs(inv, first)


def test_what_is_swapped_behind_its_back_is_found(
    inv: Inv, elsewhere: Elsewhere, release: Release
) -> None:
    first, second = release(), release(pair="v2")
    for made in (first, second):
        deploy(inv, made)
    name, docker = project(inv), elsewhere.engine.docker
    pair = f"{inv.registry}/morphops-test/pair"
    held = {made: stacks.hold(name, pair, made) for made in (first, second)}
    # A name that is turned to another image misleads nobody: what is used is named by digest.
    docker("tag", held[second], held[first])
    assert inv("rollback", "--reason=x").code == 0
    assert_runs(inv, first)
    # A container of the same name, from another image.
    docker("rm", "-f", f"{name}-a-1")
    label = "--label=com.docker.compose"
    docker(
        *("run", "-d", f"--name={name}-a-1", f"{label}.project={name}", f"{label}.service=a"),
        *(held[second], "sleep", "60"),
    )
    row = next(r for r in inv("status", "--json").json["services"] if r["service"] == "a")
    assert (row["image"]["kind"], row["image"]["matches"]) == ("manifest", False)
    found = inv("drift", "--json")
    assert found.code == 6, found
    assert ("image", "a") in {(d["kind"], d["subject"]) for d in found.json["differences"]}
