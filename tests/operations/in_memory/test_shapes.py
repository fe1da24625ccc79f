"""Compose files as they are found, unedited: a bundle, a release, a plan, a deploy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from morphops.core.bundle.parse import parse_bundle
from morphops.core.results.deploy import DeployResult, PlanResult
from morphops.errors import ConfigError
from morphops.operations.bundle import init
from morphops.operations.deploy import deploy
from morphops.operations.release.create import create
from morphops.site import Site, open_site
from morphops.testing import FakeEngine, FakePlatform
from tests.adapters.registry.fake_registry import FakeRegistry, running
from tests.fakes import Recorder
from tests.operations.in_memory.stranger import push
from tests.operations.in_memory.world import WELL
from tests.results import valid
from tests.samples import shapes


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with running() as found:
        yield found


def opened(folder: Path, registry: FakeRegistry, engine: FakeEngine) -> Site:
    """The site of a shape, on the fake platform, with a registry of its own."""
    environ = {
        "MORPHOPS_BUNDLE": str(folder / "bundle.yaml"),
        "MORPHOPS_STATE": str(folder.parent / "state"),
        "MORPHOPS_REGISTRY": registry.host,
    }
    site = open_site(Recorder(), environ)
    return dataclasses.replace(site, platform=FakePlatform(engine, redact=site.redact))


def images_of(site: Site, registry: FakeRegistry) -> list[str]:
    """An image in the registry for each of the bundle, as they are named on the command line."""
    return [
        f"{name}={registry.host}/{name}@{push(registry, f'{name}:1', name)}"
        for name in site.bundle.images
    ]


@pytest.mark.parametrize("name", shapes.NAMES)
def test_a_shape_is_planned_and_deployed(name: str, tmp_path: Path, registry: FakeRegistry) -> None:
    folder, engine = shapes.copy(name, tmp_path), FakeEngine()
    init.init(Recorder(), folder, (), {"MORPHOPS_STATE": str(tmp_path / "state")})
    with (folder / "bundle.yaml").open("a") as stream:
        stream.write("settle: 0\n")  # what a person writes stays, and a test need not wait
    site = opened(folder, registry, engine)
    made = create(site, images_of(site, registry), ()).release
    # What a release carries is complete: nothing of it is derived again.
    carried = parse_bundle(made.files["bundle.yaml"].decode(), "release")
    assert dataclasses.replace(carried, registry=registry.host) == site.bundle
    for image in made.images:
        engine.publish(image, WELL)

    planned = deploy(site, [made.digest], plan_only=True)
    assert isinstance(planned, PlanResult)
    valid("deploy", planned)
    started = {service for wave in planned.waves for service in (*wave.services, *wave.jobs)}
    off = {n for n, s in site.completed.model.services.items() if s.get("profiles")}  # type: ignore[union-attr]
    assert started | off == set(site.bundle.services)
    assert {job.service for job in planned.jobs} == set(site.bundle.jobs)

    if site.bundle.jobs:  # of one image the fake's containers all end, or all stay up
        return
    done = deploy(opened(folder, registry, engine), [made.digest])
    assert isinstance(done, DeployResult)
    assert done.state == "healthy"


def test_a_compose_file_that_is_wrong_stops_no_look_at_what_runs(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    folder, engine = shapes.copy("no-health-check", tmp_path), FakeEngine()
    state = {"MORPHOPS_STATE": str(tmp_path / "state")}
    init.init(Recorder(), folder, (), state)
    with (folder / "bundle.yaml").open("a") as stream:
        stream.write("settle: 0\n")
    site = opened(folder, registry, engine)
    made = create(site, images_of(site, registry), ()).release
    for image in made.images:
        engine.publish(image, WELL)
    deploy(site, [made.digest])
    (folder / "compose.yaml").write_text("services: {app: {}}\n")
    environ = state | {"MORPHOPS_BUNDLE": str(folder / "bundle.yaml")}
    with pytest.raises(ConfigError, match="app has neither image nor build") as caught:
        open_site(Recorder(), environ)
    assert caught.value.hint == "write image: into app"
    observer = Recorder()
    kept = open_site(observer, environ, of_record=True)
    assert kept.bundle == parse_bundle(made.files["bundle.yaml"].decode(), "release")
    assert "the bundle of the release of record is used instead" in observer.lines[0]
