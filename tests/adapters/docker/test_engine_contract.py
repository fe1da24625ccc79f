"""The Engine API as a real engine speaks it: over its socket, and carried by the docker CLI."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from morphops.adapters.docker import lock_image
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.connection import Connection, over_cli
from morphops.adapters.docker.engine import Engine, negotiate
from morphops.adapters.docker.events import EventWatch
from morphops.errors import EngineCallFailed
from tests import stacks

pytestmark = pytest.mark.engine

LABEL = "morphops-test"


@pytest.fixture(scope="module")
def docker() -> Docker:
    return Docker()


@pytest.fixture(params=["socket", "cli"])
def engine(request: pytest.FixtureRequest, docker: Docker) -> Engine:
    if request.param == "socket":
        return docker.engine
    return Engine(docker.endpoint, over_cli(docker.carry), str)  # as one over ssh is reached


@pytest.fixture(scope="module")
def name(docker: Docker) -> Iterator[str]:
    """A container that was made and never started; images and volumes are named after it."""
    name = f"morphops-test-{uuid.uuid4().hex[:12]}"
    arch = str(docker.engine.version()["Arch"])
    docker.client(60).image.load(lock_image.archive(arch))
    words = ["create", f"--name={name}", f"--label={LABEL}={name}", lock_image.reference()]
    docker.run(words, "create a container")
    yield name
    docker.run(["rm", "--force", name], "remove the container")
    stacks.remove_images(f"{name}/*")


def shown(docker: Docker, *words: str) -> list[dict[str, Any]]:
    """What the CLI shows when it speaks our version of the API; newer ones have more fields."""
    found = docker.engine.version()
    spoken = negotiate(found["ApiVersion"], found["MinAPIVersion"])
    env = {**os.environ, "DOCKER_API_VERSION": spoken}
    rows: list[dict[str, Any]] = json.loads(docker.run(words, "look", env=env))
    return rows


def test_documents_are_those_that_the_cli_shows(docker: Docker, engine: Engine, name: str) -> None:
    assert engine.answers()
    assert engine.version()["Version"] == docker.run(["info", "-f={{.ServerVersion}}"], "x").strip()
    assert engine.info()["Driver"] == docker.run(["info", "-f={{.Driver}}"], "x").strip()
    assert engine.inspect([name, "morphops-test-nosuch"]) == shown(docker, "inspect", name)
    image = lock_image.reference()
    (found,) = engine.inspect_images([image, "nosuch:1"])
    (expected,) = shown(docker, "image", "inspect", image)
    # Others give this image names, and take them away, at the same time.
    named = {"RepoTags", "RepoDigests", "Metadata"}
    assert {key: found[key] for key in found.keys() - named} == {
        key: expected[key] for key in expected.keys() - named
    }
    words = ["history", "--no-trunc", "--format={{.CreatedBy}}", image]
    assert engine.layers(image) == tuple(docker.run(words, "read it").splitlines())


def test_lists(engine: Engine, name: str) -> None:
    (listed,) = engine.containers(label=[f"{LABEL}={name}"])
    (inspected,) = engine.inspect([name])
    assert (listed["Id"], listed["ImageID"]) == (inspected["Id"], inspected["Image"])
    assert engine.containers(all_=False, label=[f"{LABEL}={name}"]) == []
    assert any(lock_image.reference() in (row["RepoTags"] or ()) for row in engine.images())
    assert "bridge" in {row["Name"] for row in engine.networks()}


def test_names_of_images(engine: Engine, name: str) -> None:
    tag = f"{name}/a/b:{uuid.uuid4().hex[:12]}"
    engine.tag(lock_image.reference(), tag)
    (image,) = engine.inspect_images([tag])
    assert {tag, lock_image.reference()} <= set(image["RepoTags"])
    engine.remove_image(tag)
    assert engine.inspect_images([tag]) == []
    with pytest.raises(EngineCallFailed, match="could not tag"):
        engine.tag("nosuch:1", tag)


def test_volumes(engine: Engine, name: str) -> None:
    engine.create_volume(name, {LABEL: name})
    engine.create_volume(name, {LABEL: name})
    (volume,) = engine.volumes(label=[f"{LABEL}={name}"])
    assert (volume["Name"], volume["Labels"]) == (name, {LABEL: name})
    engine.remove_volumes([name, f"{name}-none"])
    engine.remove_volumes([name])
    assert engine.volumes(label=[f"{LABEL}={name}"]) == []


def test_events_come_from_the_moment_that_was_named(engine: Engine, docker: Docker) -> None:
    name = f"morphops-test-{uuid.uuid4().hex[:12]}"
    label = f"{LABEL}={name}"
    words = ["create", f"--name={name}", f"--label={label}", lock_image.reference()]
    with engine.events(0, type=["container"], label=[label]) as stream:
        docker.run(words, "create a container")
        event = stream.next(60)
        assert event is not None
        assert event["Action"] == "create"
        engine.remove_container(name)
        event = stream.next(60)
        assert event is not None
        assert event["Action"] == "destroy"


def test_a_watch_wakes_up(docker: Docker, name: str) -> None:
    with EventWatch(docker, f"{LABEL}={name}") as watch:
        docker.run(["rename", name, f"{name}-2"], "rename it")
        docker.run(["rename", f"{name}-2", name], "rename it back")
        watch.wait(60)


def test_what_carried_a_connection_is_gone_with_it(docker: Docker) -> None:
    carried: list[Connection] = []
    dial = over_cli(docker.carry)

    def watched(limit: float) -> Connection:
        carried.append(dial(limit))
        return carried[-1]

    assert Engine(docker.endpoint, watched, str).answers()
    assert [connection.is_open for connection in carried] == [False]
