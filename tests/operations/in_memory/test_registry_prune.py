"""Old releases leave the registry: dry, under the lock, on record, and never what is needed."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from morphops.core.release import artifact
from morphops.core.release.digest import short
from morphops.core.release.release import Release
from morphops.core.results.registry import RegistryPrune
from morphops.errors import InputError, MorphopsError, PreconditionError, RegistryError
from morphops.operations.deploy import deploy
from morphops.operations.registry import prune as registry_prune
from morphops.report import registry as report
from morphops.report.console import Reporter
from morphops.site import Site
from tests.adapters.registry.fake_registry import FakeRegistry
from tests.adapters.registry.fake_registry import running as registry_running
from tests.fakes import FakeLocalRegistry
from tests.operations.in_memory.world import NEW, OLD, World, release
from tests.results import valid

LATEST = release("3")


@dataclasses.dataclass
class Shelf:
    """A world whose three releases are in a registry; the last two are kept.

    Attributes:
        world: where the releases were deployed.
        server: the registry.
    """

    world: World
    server: FakeRegistry

    def site(self) -> Site:
        site = self.world.site()
        bundle = dataclasses.replace(site.bundle, registry=self.server.host)
        return dataclasses.replace(site, bundle=bundle, local_registry=FakeLocalRegistry())

    def push(self, which: Release) -> None:
        registry = self.site().registry
        registry.push_release(artifact.encode_release(which), "shop/releases")
        for image in which.images:
            data = which.manifests[image.ref.digest]
            registry.tag(f"shop/{image.name}", data, f"morphops-{which.short}")

    def prune(self, *, apply: bool = True) -> RegistryPrune:
        found = registry_prune.prune(self.site(), keep=1, apply=apply, reason="room" * apply)
        valid("registry.prune", found)
        return found

    def releases(self) -> set[str]:
        return set(self.site().registry.tags("shop/releases").values())


@pytest.fixture
def shelf(running: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with registry_running() as server:
        shelf = Shelf(running, server)
        running.keep(LATEST)
        for one in (OLD, NEW, LATEST):
            shelf.push(one)
        for one in (NEW, LATEST):
            deploy(running.site(), [one.digest])
        yield shelf


GOES = {f"shop/api@{OLD.image('api').ref.digest}", f"shop/releases@{OLD.digest}"}


def test_what_would_go_is_only_told(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    found = shelf.prune(apply=False)
    assert (found.state, found.releases, set(found.manifests)) == ("planned", (OLD.digest,), GOES)
    assert found.kept.keys() == {NEW.digest, LATEST.digest}
    assert shelf.releases() == {OLD.digest, NEW.digest, LATEST.digest}
    report.pruned(Reporter(), found)
    said = capsys.readouterr().out
    assert f"release {OLD.short}" in said
    assert "nothing was removed (--apply)" in said
    assert shelf.world.outcomes[-1][0] == "deploy"


@pytest.mark.parametrize("files_are_here", [True, False])
def test_it_goes_and_is_on_record(
    shelf: Shelf, files_are_here: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    if not files_are_here:  # as `prune` leaves it
        shutil.rmtree(shelf.site().state.release(OLD.digest))
    found = shelf.prune()
    assert (found.state, set(found.manifests), found.freed) == ("pruned", GOES, 1_500_000)
    assert shelf.releases() == {NEW.digest, LATEST.digest}
    # What the others need is there: the image that they all have, too.
    registry = shelf.site().registry
    for one in (NEW, LATEST):
        assert registry.pull_release("shop/releases", one.digest) == one
        assert all(registry.has(f"shop/{image.name}", image.ref.digest) for image in one.images)
    assert not registry.has("shop/api", OLD.image("api").ref.digest)
    *_, record = shelf.world.records
    assert (record.kind, record.outcome, record.reason) == ("prune", "pruned", "room")
    assert [step.step for step in record.steps] == [
        "remove manifests from the registry (2)",
        "free the space in the registry",
    ]
    report.pruned(Reporter(), found)
    assert "freed 1500000 bytes (1.5 MB)" in capsys.readouterr().out
    assert shelf.prune(apply=False).nothing


def test_a_release_of_another_machine_stays(shelf: Shelf) -> None:
    theirs = release("9")
    shelf.push(theirs)
    found = shelf.prune()
    assert found.unknown == 1
    assert theirs.digest in shelf.releases()
    assert shelf.site().registry.has("shop/api", theirs.image("api").ref.digest)


def test_it_is_refused_without_a_reason_and_where_another_operation_runs(shelf: Shelf) -> None:
    with pytest.raises(InputError, match=r"registry\.prune --apply needs a reason"):
        registry_prune.prune(shelf.site(), keep=1, apply=True)
    assert len(shelf.releases()) == 3


def test_a_registry_that_lets_nothing_go(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RegistryError("the registry does not allow it")

    monkeypatch.setattr(type(shelf.site().registry), "remove", refuse)
    with pytest.raises(RegistryError, match="does not allow it") as caught:
        shelf.prune()
    assert caught.value.state == "removed before that: 0 of 2; everything else stays"
    *_, record = shelf.world.records
    assert (record.outcome, record.steps[-1].result) == ("failed", "failed")
    assert len(shelf.releases()) == 3


def test_what_is_interrupted_is_found_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(shelf.site().registry)
    remove = kind.remove
    gone: list[str] = []

    def once(registry: object, repository: str, digest: str) -> None:
        if gone:
            raise PreconditionError("the disk is full")
        gone.append(digest)
        remove(registry, repository, digest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(kind, "remove", once)
        with pytest.raises(MorphopsError) as caught:
            shelf.prune()
    assert caught.value.state == "removed before that: 1 of 2; everything else stays"
    again = shelf.prune()
    assert again.releases == (OLD.digest,)
    assert {short(d) for d in shelf.releases()} == {NEW.short, LATEST.short}
