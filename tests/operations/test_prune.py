"""What prune does under its lock: each phase on record, and nothing once somebody else has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters import actor
from morphops.adapters.store.release_layout import write_layout
from morphops.core.history.operations import ValuesRecord
from morphops.core.release.digest import short
from morphops.core.release.release import Release
from morphops.core.results.prune import Prune
from morphops.core.stack import LocalImage
from morphops.errors import (
    EngineUnavailable,
    InputError,
    LockLost,
    MorphopsError,
    PreconditionError,
)
from morphops.operations.image import check
from morphops.operations.pipeline.session import exclusive
from morphops.operations.prune import prune as prune_prune
from morphops.operations.release import create, find, pin, show
from morphops.operations.release.list import list_releases
from morphops.report import prune as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import FakeBuilder, FakeTarget, Place, Recorder, Remembering, grip
from tests.paths import ROOT, STACK
from tests.results import valid
from tests.samples.artifacts import artifact, decode
from tests.samples.releases import digest

OLD = [digest(n) for n in "123"]
PROJECT = "morphops-test"  # in tests/stack


@dataclass
class Images(FakeTarget):
    """Images that can be removed; `then` is called when a reference has gone."""

    references: list[str] = field(default_factory=list)
    then: Callable[[str], None] = lambda reference: None
    gone: list[str] = field(default_factory=list)

    def inventory(self) -> tuple[LocalImage, ...]:
        left = [r for r in self.references if r not in self.gone]
        return tuple(LocalImage(r, frozenset({r}), 1) for r in left)

    def remove_references(self, references: Sequence[str]) -> tuple[str, ...]:
        for reference in references:
            self.gone.append(reference)
            self.then(reference)
        return ()


@pytest.fixture
def images() -> Images:
    """Those of the three releases that are not needed any more."""
    return Images({}, references=[f"morphops/{PROJECT}/pair:{short(release)}" for release in OLD])


@pytest.fixture
def site(tmp_path: Path, images: Images) -> Site:
    """Five releases that were deployed one after the other, of which the last two are needed."""
    environ = {
        "MORPHOPS_BUNDLE": str(STACK / "bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
    }
    opened = replace(open_site(Recorder(), environ), builder=FakeBuilder())
    site = opened.on(lock=Place(), heads=Remembering(), workloads=images, images=images)
    with exclusive(site, "deploy") as session:
        for number in range(1, 6):
            layout = site.state.release(digest(str(number)))
            site.state.write(layout / "index.json", b"{}")
            site.state.write(site.state.deployment(number).values, b"A=1\n")
            record = session.history.begin(
                "deploy",
                release=digest(str(number)),
                deployment=number,
                values=ValuesRecord(str(number)),
                reason="",
            )
            session.history.end(record, "deployed")
    return site


def prune(site: Site) -> dict[str, Any]:
    return valid(
        "prune", prune_prune.prune(site, keep=1, apply=True, build_cache=True, reason="room")
    )


def test_each_phase_is_on_record(site: Site, images: Images) -> None:
    view = prune(site)
    assert view["releases"] == OLD
    assert images.gone == images.references
    *_, record = site.history.records()
    assert (record.kind, record.outcome) == ("prune", "pruned")
    assert [(done.step, done.result, done.touches) for done in record.steps] == [
        ("remove image references (3)", "ok", False),
        ("remove releases (3)", "ok", False),
        ("remove deployments (3)", "ok", False),
        ("remove build caches (1)", "ok", False),
    ]
    assert site.state.releases() == (digest("4"), digest("5"))
    assert [deployment.id for deployment in site.state.deployments()] == [4, 5]


def test_nothing_goes_once_somebody_else_has_the_lock(site: Site, images: Images) -> None:
    """The engine was restarted, and another operator's deploy uses what was to go."""

    def taken(reference: str) -> None:
        grip(site).other = actor.holder("deploy 111111111111")

    images.then = taken
    with pytest.raises(LockLost, match="deploy 111111111111, by") as caught:
        prune(site)
    assert images.gone == images.references[:1]
    assert len(site.state.releases()) == 5
    assert len(site.state.deployments()) == 5
    assert caught.value.exit_code == 3
    assert caught.value.state == (
        "removed before that: 1 of 3 image references; everything else stays"
    )
    assert "inv prune" in caught.value.hint
    *_, record = site.history.records()
    assert (record.kind, record.outcome) == ("prune", "")


def test_what_is_needed_by_now_stays(site: Site, images: Images) -> None:
    """Images take minutes; a release that somebody pins meanwhile keeps its files."""

    def pinned(reference: str) -> None:
        site.state.write(
            site.state.root / "pins.json", f'{{"{OLD[0]}": {{"reason": "x"}}}}'.encode()
        )

    images.then = pinned
    view = prune(site)
    assert view["releases"] == OLD[1:]
    assert view["deployments"] == [2, 3]
    assert OLD[0] in site.state.releases()
    assert site.state.deployment(1).values.exists()


@pytest.mark.parametrize("error", [EngineUnavailable("gone"), PreconditionError("no space")])
def test_a_failure_says_what_has_gone(site: Site, images: Images, error: MorphopsError) -> None:
    def fail(reference: str) -> None:
        if len(images.gone) == 2:
            raise error

    images.then = fail
    with pytest.raises(type(error)) as caught:
        prune(site)
    assert "removed before that: 1 of 3 image references; " in caught.value.state
    *_, record = site.history.records()
    assert (record.outcome, record.error, record.steps[-1].result) == (
        "failed",
        error.what,
        "failed",
    )


def test_a_folder_that_cannot_be_removed_is_a_message(
    site: Site, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(PreconditionError, match=r"cannot remove .*: Read-only file system"):
        prune(site)


def test_base_images_that_no_recipe_makes_any_more(tmp_path: Path) -> None:
    environ = {
        "MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
    }
    opened = replace(open_site(Recorder(), environ), builder=FakeBuilder())
    target = FakeTarget({})
    site = opened.on(lock=Place(), heads=Remembering(), workloads=target, images=target)
    old = site.state.root / "bases/0123456789ab"
    old.mkdir(parents=True)
    (old / "layer").write_bytes(bytes(5000))
    planned = prune_prune.prune(site, apply=False, build_cache=False)
    assert (planned.bases, planned.at_most, planned.nothing) == (("0123456789ab",), 5000, False)
    assert old.exists()
    done = prune_prune.prune(site, apply=True, build_cache=False, reason="room")
    assert (done.bases, done.freed, old.exists()) == (("0123456789ab",), 5000, False)
    *_, record = site.history.records()
    assert [step.step for step in record.steps] == ["remove base images (1)"]


NAME = ".values.env.ab12_cd3.part"


@pytest.mark.parametrize(
    ("path", "age", "goes"),
    [
        (f"deployments/000005/{NAME}", 7200, True),
        (f"releases/{'4' * 64}/blobs/sha256/.{'a' * 64}.ab12_cd3.part", 7200, True),
        (NAME, 7200, True),
        (NAME, 60, False),  # a pull needs no lock, and may be writing right now
        ("deployments/000005/files/compose/.base.yaml", 7200, False),  # of a release
        (f"deployments/000005/files/{NAME}", 7200, False),
        (".test.env.swp", 7200, False),  # somebody's editor
        (".test.env.personal", 7200, False),
        (".plan-x1y2z3a4/deployment/values.env", 7200, True),
        (".plan-x1y2z3a4/deployment/values.env", 60, False),
    ],
)
def test_what_is_left_of_writes_and_plans(
    site: Site, images: Images, path: str, age: float, goes: bool
) -> None:
    left = site.state.root / path
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text("TOKEN=x")
    for changed in (left, left.parent):
        then = left.stat().st_mtime - age
        os.utime(changed, (then, then))
    if path.startswith(".plan-"):
        os.utime(left.parents[1], (then, then))
    prune(site)
    assert left.exists() != goes
    assert not [p for p in site.state.root.glob(".plan-*") if goes]


def test_a_file_that_goes_by_itself_meanwhile(
    site: Site, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that ends just now renames its file away."""
    left = site.state.root / NAME
    left.write_text("x")
    os.utime(left, (0, 0))
    stat = Path.stat

    def looked(path: Path, **options: bool) -> os.stat_result:
        found = stat(path, **options)
        if path == left:
            left.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "stat", looked)
    assert prune(site)["state"] == "pruned"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": 5}', "[" * 100_000])
@pytest.mark.parametrize("name", ["build.json", "built.json", "pins.json"])
def test_a_file_of_ours_that_is_broken(site: Site, images: Images, name: str, text: str) -> None:
    """What the last build needs, or a person pinned, is not known: nothing goes."""
    (site.state.root / name).write_text(text)
    with pytest.raises(PreconditionError, match=f"{name} cannot be read") as caught:
        prune(site)
    assert caught.value.hint
    assert images.gone == []


@pytest.mark.parametrize("given", ["latest", "0" * 12, "sha256:12"])
def test_who_asks_for_a_release_is_told_how_to_see_them(site: Site, given: str) -> None:
    for task in (show.show, lambda s, d: pin.pin(s, d, reason=""), pin.unpin):
        with pytest.raises(InputError) as caught:
            task(site, given)
        assert caught.value.hint == "inv release.list"
        assert "tag" not in caught.value.what


@pytest.mark.parametrize("given", [digest("5")[:19], digest("5")[7:19], digest("5")[7:30]])
def test_the_beginning_of_a_digest_will_do(site: Site, given: str) -> None:
    assert valid("release.unpin", pin.unpin(site, given))["release"] == digest("5")


def test_a_release_is_deployed_by_all_of_its_digest(site: Site) -> None:
    """But who typed the digits that are shown is told the rest of them."""
    with pytest.raises(InputError, match="is a shortened release digest, and all of it") as caught:
        find.resolve(site, [short(digest("5"))], store=False)
    assert digest("5") in caught.value.hint
    with pytest.raises(InputError, match="all 64 digits") as caught:
        find.resolve(site, ["0123456789ab"], store=False)
    assert "tag" not in caught.value.what


def test_an_image_by_a_tag_ends_with_advice_about_images(site: Site) -> None:
    with pytest.raises(InputError, match="a tag can move") as caught:
        create.create(site, ["pair=nginx:latest"], ())
    assert "imagetools" in caught.value.hint


def test_nothing_was_built_or_deployed_yet(site: Site) -> None:
    site.history.path.unlink()
    with pytest.raises(PreconditionError, match="not known what to check") as caught:
        check.check(site)
    assert "inv image.check --image=" in caught.value.hint


@dataclass
class Away:
    """A registry that has one release."""

    release: Release

    def pull_release(self, repository: str, name: str) -> Release:
        assert name == self.release.digest
        return self.release


def test_to_look_at_a_release_stores_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made = artifact()
    monkeypatch.setattr(Site, "registry", property(lambda site: Away(decode(made))))
    view = valid("release.show", show.show(site, made.digest))
    assert (view["release"], view["stored"]) == (made.digest, False)
    assert not site.state.release(made.digest).exists()
    write_layout(made, site.state.release(made.digest))
    assert valid("release.show", show.show(site, made.digest))["stored"] is True


def test_a_release_is_pinned_with_its_images_or_not_at_all(site: Site) -> None:
    made = artifact()
    release = decode(made)
    write_layout(made, site.state.release(made.digest))
    first, *others = release.images
    target = FakeTarget({}, held={str(image.ref) for image in others})
    site = site.on(workloads=target, images=target)
    with pytest.raises(PreconditionError, match=rf"missing: {first.name}\b") as caught:
        pin.pin(site, made.digest, reason="audit")
    assert caught.value.state == "nothing was changed"
    assert f"inv pull --image={made.digest}" in caught.value.hint
    assert not (site.state.root / "pins.json").exists()
    target.held.add(str(first.ref))
    assert valid("release.pin", pin.pin(site, made.digest, reason="audit"))["changed"] is True
    assert target.tags == {
        f"{image.ref.repository}:morphops-{release.project}-{release.short}"
        for image in release.images
    }


def test_a_pin_has_the_last_reason_that_was_given(site: Site) -> None:
    made = artifact()
    write_layout(made, site.state.release(made.digest))
    site = site.on(
        workloads=FakeTarget({}, held={str(i.ref) for i in decode(made).images}),
        images=FakeTarget({}, held={str(i.ref) for i in decode(made).images}),
    )
    for given, reason, changed in [
        ("", "pinned", True),
        ("audit", "audit", True),
        ("audit", "audit", False),
        ("", "audit", False),
        ("the court", "the court", True),
    ]:
        view = valid("release.pin", pin.pin(site, made.digest, reason=given))
        assert (view["reason"], view["changed"]) == (reason, changed)
        (row,) = (r for r in valid("release.list", list_releases(site))["releases"] if r["pinned"])
        assert row["pinned"] == reason


PLANNED = Prune(
    state="planned",
    project="shop",
    kept={digest("5"): ("of record",)},
    rollback=digest("4"),
    references=("morphops/shop/api:111111111111", "busy"),
    nameless=(),
    releases=(digest("1"),),
    deployments=(1,),
    containers=(),
    at_most=0,
    nothing=False,
)


def test_before_it_is_told_what_stays_and_what_would_go(capsys: pytest.CaptureFixture[str]) -> None:
    report.pruned(Reporter(), PLANNED)
    out = capsys.readouterr().out
    stays, _, goes = out.partition("would go:\n")
    assert "555555555555  of record" in stays
    assert goes.splitlines()[:3] == [
        "  release 111111111111",
        "  image morphops/shop/api:111111111111",
        "  image busy",
    ]
    assert "inv rollback goes to 444444444444" in goes


def test_afterwards_only_what_has_gone(capsys: pytest.CaptureFixture[str]) -> None:
    after = replace(PLANNED, state="pruned", rollback="", refused=("busy",))
    report.pruned(Reporter(), after)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "removed:"
    assert "  image busy" not in lines
    assert "the engine kept busy" in lines
    assert "inv rollback has no target" in lines
    assert not [line for line in lines if "of record" in line]


def test_where_a_rollback_goes_afterwards(site: Site, images: Images) -> None:
    assert prune(site)["rollback"] == digest("4")
    shutil.rmtree(site.state.release(digest("4")))
    assert prune(site)["rollback"] == ""
