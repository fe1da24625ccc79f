"""What leaves a registry: only what was here, and nothing that anybody else has a tag on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from morphops.core.history.registry_garbage import Leaving, Stored, leaving
from morphops.core.release.artifact import INDEX
from morphops.core.release.digest import canonical_json, digest_of, short
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image, Release

AT = "shop/releases"
API, WEB = "shop/api", "shop/web"


def digest(name: str) -> str:
    return digest_of(name.encode())


def release(name: str, api: str, web: str = "w") -> Release:
    images = tuple(
        Image(repository, ImageRef(f"r:5000/{repository}", digest(of)), "", digest(of), digest("c"))
        for repository, of in ((API, api), (WEB, web))
    )
    return Release(digest(name), "shop", images, {}, {}, {})


def held(name: str, child: str = "") -> str:
    return f"morphops-{short(digest(name))}" + (f"-{short(digest(child))}" if child else "")


OLD, NEW = release("old", "a1"), release("new", "a2")
RELEASES = {short(one.digest): one.digest for one in (OLD, NEW)}
TAGS = {
    AT: RELEASES,
    API: {held("old"): digest("a1"), held("new"): digest("a2"), "build": digest("a2")},
    WEB: {held("old"): digest("w"), held("new"): digest("w")},
}
KNOWN: dict[str, Release | None] = {OLD.digest: OLD, NEW.digest: NEW}
GONE = (Stored(API, digest("a1")), Stored(AT, OLD.digest))


def decided(
    tags: dict[str, dict[str, str]] | None = None,
    known: dict[str, Release | None] = KNOWN,
    kept: tuple[str, ...] = (NEW.digest,),
    built: tuple[str, ...] = (),
) -> Leaving:
    return leaving({**TAGS, **(tags or {})}, at=AT, known=known, kept=kept, built=built)


def test_what_only_an_old_release_needs_goes_and_the_release_goes_last() -> None:
    assert decided() == Leaving((OLD.digest,), GONE)


@pytest.mark.parametrize(
    ("tag", "stays"),
    [
        ("1.2", True),  # somebody's
        ("build", True),
        (held("another"), True),  # of a release that was never here
        (held("old", "a1"), False),
        (f"{held('old')}-x", True),
    ],
)
def test_a_tag_of_anybody_else_keeps_an_image(tag: str, stays: bool) -> None:
    found = decided({API: {**TAGS[API], tag: digest("a1")}})
    assert (GONE[0] not in found.manifests) is stays
    assert GONE[1] in found.manifests


def test_what_was_built_last_stays() -> None:
    assert decided(built=(digest("a1"),)).manifests == GONE[1:]


def test_a_release_that_was_never_here_stays_with_its_images() -> None:
    found = decided(known={NEW.digest: NEW})
    assert found == Leaving(unknown=1)


def test_one_whose_files_cannot_be_had_stays() -> None:
    assert decided(known={**KNOWN, OLD.digest: None}) == Leaving()


def test_one_that_has_another_tag_stays() -> None:
    found = decided({AT: {**RELEASES, "v1": OLD.digest}})
    assert found == Leaving()


def test_roots_and_what_they_share_stay() -> None:
    assert decided(kept=(NEW.digest, OLD.digest)) == Leaving()
    all_go = decided(kept=(), tags={API: {**TAGS[API], "build": digest("other")}})
    assert set(all_go.releases) == {OLD.digest, NEW.digest}
    assert Stored(WEB, digest("w")) in all_go.manifests


def test_what_an_index_names_goes_with_it() -> None:
    index = canonical_json({"mediaType": INDEX, "manifests": [{"digest": digest("child")}]})
    image = replace(OLD.images[0], ref=ImageRef("r:5000/x", digest_of(index)))
    old = replace(OLD, images=(image,), manifests={digest_of(index): index})
    tags = {API: {held("old"): digest_of(index), held("old", "child"): digest("child")}}
    found = decided(tags, known={OLD.digest: old, NEW.digest: NEW})
    assert {one.digest for one in found.manifests} == {
        digest_of(index), digest("child"), OLD.digest,
    }  # fmt: skip


def test_an_empty_registry() -> None:
    assert leaving({}, at=AT, known=KNOWN, kept=(), built=()) == Leaving()
