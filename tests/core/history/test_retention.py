"""What is kept and what may go: a root is never removed, and nothing of anybody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.core.history import operations, retention
from morphops.core.history.operations import Record
from morphops.core.history.retention import Inventory, Kept
from morphops.core.release.digest import digest_of, short
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image, Release
from morphops.core.stack import Identity, Instance, LocalImage

OWN = "r:5000/shop/api"


def digest(number: int) -> str:
    return digest_of(f"release {number}".encode())


def record(id_: int, release: int, kind: str = "deploy", outcome: str = "deployed") -> Record:
    return Record(
        id=id_,
        kind=kind,  # type: ignore[arg-type]
        release=digest(release),
        deployment=id_,
        fingerprint="f",
        reason="",
        user="u",
        host="h",
        began="1",
        ended="2" if outcome else "",
        outcome=outcome,  # type: ignore[arg-type]
    )


def made(number: int, image: int) -> Release:
    manifest = digest_of(f"image {image}".encode())
    return Release(
        digest=digest(number),
        project="shop",
        images=(
            Image(
                name="api",
                ref=ImageRef(OWN, manifest),
                platform="linux/amd64",
                manifest=manifest,
                config=digest_of(b"c"),
            ),
        ),
        files={},
        manifests={},
        labels={},
    )


def hold(release: int, project: str = "shop") -> str:
    return f"{OWN}:morphops-{project}-{short(digest(release))}"


def older_hold(release: int, project: str = "shop") -> str:
    """As earlier versions wrote them."""
    return f"morphops/{project}/api:{short(digest(release))}"


def local(
    image: int, *releases: int, extra: tuple[str, ...] = (), used: bool = False
) -> LocalImage:
    reference = f"{OWN}@{digest_of(f'image {image}'.encode())}"
    tags = (hold(number) for number in releases)
    return LocalImage(f"id{image}", frozenset((reference, *tags, *extra)), 100, used)


def roots(
    records: list[Record], keep: int = 3, pinned: tuple[str, ...] = ()
) -> dict[str, tuple[str, ...]]:
    return retention.roots(records, keep=keep, pinned=pinned, running=(), waiting=())


def test_roots_are_the_last_healthy_ones_and_what_a_rollback_needs() -> None:
    records = [
        record(1, 1),
        record(2, 2),
        record(3, 3, outcome="rolled back"),
        record(4, 4),
        record(5, 5, outcome="failed"),
        record(6, 6),
    ]
    assert roots(records, keep=1) == {
        digest(6): ("of record", "healthy 1 of 1"),
        digest(4): ("rollback target",),
    }
    assert set(roots(records)) == {digest(6), digest(4), digest(2)}
    assert set(roots(records, keep=9)) == {digest(n) for n in (6, 4, 2, 1)}
    assert roots(records, pinned=(digest(1),))[digest(1)] == ("pinned",)
    cut = [*records, record(7, 7, outcome="")]
    assert roots(cut)[digest(7)] == ("under way",)
    assert retention.needed_deployments(cut, {digest(6), digest(4)}) == {4, 6, 7}


def test_after_a_rollback_what_was_rolled_back_from_stays() -> None:
    """It is healthy, and `rollback --to` goes there again."""
    records = [*(record(n, n) for n in range(1, 6)), record(6, 1, "rollback")]
    assert set(roots(records)) == {digest(n) for n in (1, 5, 4)}
    assert roots(records, keep=1) == {digest(1): ("of record", "healthy 1 of 1")}
    kept = roots(records, keep=9)
    assert retention.needed_deployments(records, kept) == {6, 5, 4, 3, 2}
    # Where `rollback`, typed again and again, would go.
    back = [*(record(n, n) for n in range(1, 7)), record(7, 3, "rollback")]
    assert set(roots(back)) == {digest(n) for n in (3, 6, 5, 2, 1)}
    # `up` starts what is there, and is no release's turn.
    assert set(roots([record(1, 1), record(2, 2), record(3, 1, "up")], keep=1)) == {
        digest(2),
        digest(1),
    }


@pytest.mark.parametrize("outcome", ["refused", "failed", "rolled back"])
def test_what_was_tried_last_will_be_tried_again(outcome: str) -> None:
    records = [record(1, 1), record(2, 2, outcome="refused"), record(3, 3, outcome=outcome)]
    assert roots(records) == {
        digest(1): ("of record", "healthy 1 of 3"),
        digest(3): ("tried last",),
    }
    assert 3 in retention.needed_deployments(records, roots(records))
    # Somebody deployed since: that is over.
    assert digest(3) not in roots([*records, record(4, 4)])
    assert roots(records[1:]) == {digest(3): ("tried last",)}


def test_what_failed_and_was_left_keeps_its_values_until_the_next_deploy() -> None:
    left = [record(1, 1), record(2, 2, outcome="failed"), record(3, 3, outcome="refused")]
    kept = roots(left, keep=1)
    assert kept[digest(2)] == ("failed, and may run",)
    assert retention.needed_deployments(left, kept) == {1, 2, 3}
    after = [*left, record(4, 4)]
    assert digest(2) not in roots(after)
    assert retention.needed_deployments(after, roots(after, keep=1)) == {1, 4}


def sweep(
    images: list[LocalImage], kept: dict[int, int], built: tuple[str, ...] = ()
) -> retention.Garbage:
    there = Inventory(
        images=images, releases=[digest(n) for n in range(1, 4)], deployments=(1, 2, 3)
    )
    needed = Kept(
        project="shop",
        repositories={OWN},
        releases={digest(release): made(release, image) for release, image in kept.items()},
        built=built,
        deployments=(2, 3),
        built_here={image.id for image in images if image.id != "elsewhere"},
    )
    return retention.garbage(there, needed)


@pytest.mark.parametrize(
    ("image", "goes"),
    [
        (local(1, 1), "all"),
        (local(1), "all"),
        (local(2, 2), "nothing"),
        (local(2, 1, 2), "tag"),
        (local(1, 1, used=True), "tag"),
        # Another project on this engine holds it too, and finds it by its digest.
        (local(1, 1, extra=(hold(1, "shop2"),)), "tag"),
        (local(1, extra=(hold(1, "shop2"),)), "nothing"),
        (local(1, 1, extra=(older_hold(1, "shop2"),)), "tag"),
        (local(1, extra=(older_hold(1, "shop2"),)), "nothing"),
        # The project of a hold is all of its name.
        (local(1, extra=(hold(1, "a-shop"),)), "nothing"),
        (LocalImage("id", frozenset({hold(1)}), 1, used=True), "nothing"),
        # What an earlier version held is held, and goes, as well.
        (local(2, extra=(older_hold(2),)), "nothing"),
        (local(2, 2, extra=(older_hold(1),)), "older"),
        (local(1, extra=(older_hold(1),)), "all"),
        (LocalImage("id", frozenset({f"{OWN}:build"}), 1), "all"),
        (LocalImage("id", frozenset({"debian:12", "r:5000/shop/api2:x"}), 1), "nothing"),
        (LocalImage("id", frozenset({"morphops/shop2/api:abc"}), 1), "nothing"),
        # A digest goes with the last tag of its repository. With the containerd store whoever
        # removes a digest removes all tags of that repository, too.
        (local(2, extra=(older_hold(2), f"morphops/shop/api@{digest(9)}")), "nothing"),
        (local(2, 2, extra=(f"{OWN}:build",)), "nothing"),
        (local(2, 1, extra=(f"{OWN}:build",)), "tag"),
        (local(2, 1), "nothing"),
        (local(1, 1, extra=(f"{OWN}:build",)), "all"),
    ],
)
def test_what_goes_of_an_image(image: LocalImage, goes: str) -> None:
    gone = sweep([image], {2: 2})
    expected = {
        "all": set(image.references),
        "nothing": set(),
        "tag": {hold(1)},
        "older": {older_hold(1)},
    }[goes]
    assert set(gone.references) == expected
    assert gone.at_most == (image.size if goes == "all" else 0)
    assert set(gone.releases) == {digest(1), digest(3)}
    assert gone.deployments == (1,)


def test_foreign_tags_stay_and_so_does_their_image() -> None:
    gone = sweep([local(1, 1, extra=("mine:1",))], {2: 2})
    assert "mine:1" not in gone.references
    assert gone.at_most == 0


@pytest.mark.parametrize(
    ("image", "goes"),
    [
        (LocalImage("id", frozenset(), 7, project="shop"), True),
        (LocalImage("id", frozenset(), 7, used=True, project="shop"), False),
        (LocalImage("id", frozenset(), 7, project="shop2"), False),
        # Another checkout of the same project gives the same label.
        (LocalImage("elsewhere", frozenset(), 7, project="shop"), False),
        (LocalImage("id", frozenset(), 7), False),
        (LocalImage(digest_of(b"c"), frozenset(), 7, project="shop"), False),  # a kept release's
        (LocalImage(digest_of(b"image 2"), frozenset(), 7, project="shop"), False),
        (LocalImage("id", frozenset({"mine:1"}), 7, project="shop"), False),
    ],
)
def test_what_we_built_goes_once_it_has_no_name(image: LocalImage, goes: bool) -> None:
    gone = sweep([image], {2: 2})
    assert gone.untagged == ((image.id,) if goes else ())
    assert gone.references == ()
    assert gone.at_most == (image.size if goes else 0)


@pytest.mark.parametrize(
    ("service", "state", "goes"),
    [
        ("old", "exited", True),
        ("old", "created", True),
        ("old", "dead", True),
        ("old", "running", False),
        ("old", "restarting", False),
        ("api", "exited", False),  # what is left of it stays, for debugging
    ],
)
def test_what_goes_of_the_containers(service: str, state: str, goes: bool) -> None:
    left = Instance(service, "id", Identity("config", "x"), state, "none")
    there = Inventory(images=(), releases=(), deployments=(), containers=[left])
    kept = Kept(
        project="shop",
        repositories=(),
        releases={},
        deployments=(),
        services={"api"},
    )
    gone = retention.garbage(there, kept)
    assert gone.containers == (("id",) if goes else ())
    assert gone.empty == (not goes)


def test_the_last_build_stays() -> None:
    image = local(1)
    assert sweep([image], {2: 2}, built=tuple(image.references)).references == ()


steps = st.lists(
    st.tuples(
        st.sampled_from(["deploy", "rollback", "adopt", "up", "down", "prune"]),
        st.integers(1, 6),
        st.sampled_from(["deployed", "rolled back", "failed", "refused", "stopped", ""]),
    ),
    max_size=14,
)


@given(steps, st.integers(1, 4), st.sets(st.integers(1, 6)))
def test_a_root_is_never_removed(
    history: list[tuple[str, int, str]], keep: int, pinned: set[int]
) -> None:
    records = [record(n, r, k, o) for n, (k, r, o) in enumerate(history, start=1)]
    kept = roots(records, keep, tuple(digest(n) for n in pinned))
    images = [local(n, n, extra=("foreign:1",) if n == 1 else ()) for n in range(1, 7)]
    there = Inventory(
        images=images, releases=[digest(n) for n in range(1, 7)], deployments=range(1, 15)
    )
    needed = Kept(
        project="shop",
        repositories={OWN},
        releases={digest(n): made(n, n) for n in range(1, 7) if digest(n) in kept},
        deployments=retention.needed_deployments(records, kept),
    )
    gone = retention.garbage(there, needed)
    assert not kept.keys() & set(gone.releases)
    for number, image in enumerate(images, start=1):
        if digest(number) in kept:
            assert not image.references & set(gone.references)
    backs = (operations.rollback_target(records), operations.previous_deployment(records))
    for place in (operations.deployment_of_record(records), *backs):
        if place is not None:
            assert place.release not in gone.releases
            assert place.deployment not in gone.deployments
    assert "foreign:1" not in gone.references
    healthy = [
        r.release
        for r in reversed(records)
        if r.outcome == "deployed" and r.kind in ("deploy", "rollback", "adopt")
    ]
    for release in list(dict.fromkeys(healthy))[:keep]:
        back = operations.last_healthy_of(records, release)
        assert back is not None
        assert release in kept
        assert release not in gone.releases
        assert back.deployment not in gone.deployments
    more = roots(records, keep + 1, tuple(digest(n) for n in pinned))
    assert kept.keys() <= more.keys()
