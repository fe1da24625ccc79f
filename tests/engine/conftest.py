"""A registry, a base image and stacks of their own, for the tests on a real engine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from morphops.adapters.base_images.assemble import BaseImage
from morphops.adapters.docker import local_registry
from morphops.adapters.docker.client import Docker
from tests import stacks
from tests.engine.helpers import Release
from tests.stacks import Inv, free_port


@pytest.fixture(scope="session")
def docker() -> Docker:
    return Docker()


@pytest.fixture(scope="session")
def bases() -> dict[str, BaseImage]:
    return stacks.bases()


@pytest.fixture(scope="session")
def registry(docker: Docker, bases: dict[str, BaseImage]) -> Iterator[str]:
    name = f"morphops-test-registry-{uuid.uuid4().hex[:8]}"
    image = stacks.load(docker, bases["registry"], "morphops-test/registry:local")
    there = local_registry.up(docker, image=image, port=free_port(), name=name)
    yield there.address
    local_registry.down(docker, name=name, delete_data=True)
    stacks.remove_images(f"{there.address}/*/*")


@pytest.fixture(scope="session")
def images(bases: dict[str, BaseImage], registry: str) -> dict[str, str]:
    """Variants of both images, by how they behave: `pair-ok`, `front-wrong` …

    `sick` never gets healthy, and that is known in a moment; `slow` does not either, and is
    starting for as long as a test may take on a busy machine.
    """
    modes = {
        "pair": ("ok", "v2", "sick", "slow", "crash", "drifted"),
        "front": ("ok", "v2", "slow", "wrong", "flapping"),
    }
    return {
        f"{name}-{mode}": stacks.variant(
            bases["python"],
            registry,
            f"morphops-test/{name}",
            config=stacks.SICK if mode == "sick" else stacks.starting(60),
            MODE=mode,
            ROLE=name,
        )
        for name, those in modes.items()
        for mode in those
    }


@pytest.fixture
def inv(tmp_path: Path, registry: str, images: dict[str, str]) -> Iterator[Inv]:
    """A project of its own; whatever is left of it on the engine is removed."""
    name = f"morphops-test-{uuid.uuid4().hex[:8]}"
    yield stacks.project(tmp_path, name, free_port(), registry=registry)
    stacks.remove_stack(name)


@pytest.fixture
def release(inv: Inv, images: dict[str, str]) -> Release:
    return Release(inv, images)
