"""One suite of promises for each seam of a platform, kept by the fake and by real platforms.

A new platform is done when these suites pass for it: write a `Place` of it beside the two that are
here, and name it in `PLACES`. What only some platforms promise (`Platform.can`) is skipped
elsewhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from morphops.adapters.base_images.assemble import BaseImage
from morphops.adapters.docker import local_registry
from morphops.adapters.docker.client import Docker
from morphops.adapters.registry.registry import Registry
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image
from tests import stacks
from tests.contracts.compose_place import ComposePlace, docker
from tests.contracts.fake_place import FakePlace
from tests.contracts.place import Place

PLACES = ["fake", pytest.param("compose", marks=pytest.mark.engine)]
MakePlace: TypeAlias = Callable[[Path], Place]


@pytest.fixture(scope="session")
def contract_bases() -> dict[str, BaseImage]:
    return stacks.bases()


@pytest.fixture(scope="session")
def contract_registry(contract_bases: dict[str, BaseImage]) -> Iterator[str]:
    name = f"morphops-test-registry-{uuid.uuid4().hex[:8]}"
    client = Docker()
    image = stacks.load(client, contract_bases["registry"], "morphops-test/registry:local")
    there = local_registry.up(client, image=image, port=stacks.free_port(), name=name)
    yield there.address
    local_registry.down(client, name=name, delete_data=True)
    stacks.remove_images(f"{there.address}/*/*")


@pytest.fixture(scope="session")
def contract_images(
    contract_bases: dict[str, BaseImage], contract_registry: str
) -> dict[str, Image]:
    """Images that behave well, another one that does, and one that never gets healthy; all here."""
    found = {}
    for mode in ("good", "other", "sick"):
        digest = stacks.variant(
            contract_bases["python"],
            contract_registry,
            "morphops-test/a",
            config=stacks.SICK if mode == "sick" else stacks.starting(60),
            MODE=mode,
        )
        ref = ImageRef(f"{contract_registry}/morphops-test/a", digest)
        found[mode], _ = Registry(contract_registry).resolve_image("a", ref, "linux/amd64")
        docker("pull", "-q", str(ref))
        # With the last tag of a repository its digest is let go of, too (moby, ImageDelete).
        docker("tag", str(ref), f"{ref.repository}:{mode}")
    return found


@pytest.fixture(scope="module", params=PLACES)
def make(request: pytest.FixtureRequest) -> MakePlace:
    """Makes a project of its own on one of the platforms."""

    def place(folder: Path) -> Place:
        project = f"morphops-test-{uuid.uuid4().hex[:8]}"
        if request.param == "fake":
            return FakePlace.make(folder, project)
        images = request.getfixturevalue("contract_images")
        those = images["good"], images["other"], images["sick"]
        return ComposePlace(folder, project, *those, port=stacks.free_port(), survives=True)

    return place


@pytest.fixture
def place(make: MakePlace, tmp_path: Path) -> Iterator[Place]:
    """A project on which nothing runs."""
    made = make(tmp_path)
    yield made
    made.clean()


@pytest.fixture(scope="module")
def started(make: MakePlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A project that runs; its tests only look."""
    made = make(tmp_path_factory.mktemp("started"))
    try:
        made.client().workloads.start(made.stack(), ["a", "b"])
        yield made
    finally:
        made.clean()
