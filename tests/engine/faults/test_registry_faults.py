"""A registry that is gone, falls silent, refuses, or sends something else than it was asked for.

Nothing was touched then: exit 3, the old release whole, and the next deploy works once it is well.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.engine.faults.helpers import SILENT
from tests.engine.helpers import Release, assert_runs, containers, deploy
from tests.engine.registry_proxy import Fault, Proxy
from tests.stacks import Inv

pytestmark = pytest.mark.engine

# What happens on the way to an image's manifest, or to its blobs → what the message says of it.
IMAGE_FAULTS = [
    (Fault("status", "/manifests/", 500), "500"),
    (Fault("status", "/manifests/", 401), "unauthorized"),
    (Fault("other bytes", "/manifests/"), "verification failed"),
    (Fault("other bytes", "/blobs/"), "verification failed"),
    # An engine that is quick asks again by itself, and gives up.
    (Fault("cut", "/blobs/"), f"nothing came for {SILENT} s|unexpected EOF"),
    (Fault("hang", "/blobs/"), f"nothing came for {SILENT} s"),
]
# What our own client of the registry meets has its table in tests/adapters/registry/test_faults.py.
RELEASE_FAULTS = [(Fault("other bytes", "/manifests/"), "does not hash to its digest")]


@pytest.fixture
def runs(through: Inv, images: dict[str, str]) -> str:
    """A release that runs."""
    made = Release(through, images)()
    deploy(through, made)
    return made


@pytest.fixture
def new(through: Inv, images: dict[str, str], fresh: Callable[[], str]) -> str:
    """A release, one image of which has a layer that the engine does not have."""
    return Release(through, images | {"pair-fresh": fresh()})(pair="fresh")


def refused(inv: Inv, release: str, says: str) -> None:
    done = inv("deploy", f"--image={release}")
    assert done.code == 3, done
    assert re.search(says, done.err), done
    assert "Traceback" not in done.err, done


def test_images(through: Inv, proxy: Proxy, runs: str, new: str) -> None:
    before = containers(through)
    proxy.down()
    refused(through, new, "connection refused")
    proxy.up()
    for fault, says in IMAGE_FAULTS:
        proxy.becomes(fault)
        refused(through, new, says)
        proxy.hit()
        assert containers(through) == before, fault
    proxy.becomes(None)
    assert_runs(through, runs)
    deploy(through, new)
    assert_runs(through, new)


def test_the_release_itself(through: Inv, proxy: Proxy, runs: str, new: str) -> None:
    before = containers(through)
    stored = through.state / "releases" / new.removeprefix("sha256:")
    shutil.rmtree(stored)
    proxy.down()
    refused(through, new, "out of reach")
    proxy.up()
    for fault, says in RELEASE_FAULTS:
        proxy.becomes(fault)
        refused(through, new, says)
        proxy.hit()
        assert not stored.exists(), fault
    proxy.becomes(None)
    assert containers(through) == before
    assert_runs(through, runs)
    deploy(through, new)
    assert_runs(through, new)


def test_an_image_of_the_way_back_that_somebody_removed(
    through: Inv, proxy: Proxy, runs: str, images: dict[str, str]
) -> None:
    """Its containers run on; but it cannot be started by its name, for all its names are gone."""

    def lose() -> None:
        repository, digest = pair.split("@")
        listing = [
            "docker",
            "image",
            "ls",
            "--digests",
            "--format={{.Digest}} {{.Tag}}",
            repository,
        ]
        rows = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
        tags = [row.split()[1] for row in rows.splitlines() if row.startswith(digest)]
        names = [f"{repository}:{tag}" for tag in tags if tag != "<none>"]
        subprocess.run(["docker", "rmi", "--force", *names, pair], capture_output=True, check=False)
        gone = subprocess.run(
            ["docker", "image", "inspect", pair], capture_output=True, check=False
        )
        assert gone.returncode

    before, bad = containers(through), Release(through, images)(pair="drifted")
    assert through("pull", f"--image={bad}").code == 0
    pair = through("release.show", runs, "--json").json["images"]["pair"]["ref"]
    lose()
    proxy.down()
    refused(
        through, bad, "pair of " + runs[7:19] + ", needed for an automatic rollback, is no longer"
    )
    assert containers(through) == before
    proxy.up()
    plan = through("deploy", f"--image={bad}", "--plan", "--json").json
    assert any(
        step.endswith(f"for an automatic rollback to {runs[7:19]}") for step in plan["steps"]
    ), plan
    done = through("deploy", f"--image={bad}")
    assert done.code == 4, done
    assert_runs(through, runs)
    # Who goes back already is not held up by it.
    other = Release(through, images)(pair="v2")
    deploy(through, other)
    pair = through("release.show", other, "--json").json["images"]["pair"]["ref"]
    lose()
    proxy.down()
    done = through("rollback", "--reason=x")
    assert done.code == 0, done
    assert f"there is no automatic rollback to {other[7:19]}" in done.err
    proxy.up()
    assert_runs(through, runs)


def test_interrupted_while_it_pulls(through: Inv, proxy: Proxy, runs: str, new: str) -> None:
    before = containers(through)
    proxy.becomes(Fault("hang", "/blobs/"))
    process = through.start("deploy", f"--image={new}")
    proxy.hit()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "no container was touched" in said
    assert containers(through) == before
    assert_runs(through, runs)
