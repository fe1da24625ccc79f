"""What stands beside compose files: in which list it is, and where it lies."""

from __future__ import annotations

import pytest

from morphops.core.bundle.beside import Places, covers, digest_of_files, kind_of, tree_of
from morphops.core.bundle.schema import ComposeSpec
from morphops.core.release.release import Release
from tests.samples.releases import digest

SPEC = ComposeSpec(
    files=("compose.yaml",),
    carries=("nginx.conf", "conf", "src/app/built"),
    data=("data", "../shared", "conf/cache"),
    leaves=(".", "src"),
)
FILES = {"nginx.conf": b"a", "conf/a": b"b", "conf/sub/run.sh": b"c", "conference": b"d"}
RELEASE = Release(digest("1"), "shop", (), FILES, executable=frozenset({"conf/sub/run.sh"}))
PLACES = Places(SPEC, RELEASE, "/srv/shop/ops", "/state/carried")


@pytest.mark.parametrize(
    ("folder", "path", "is_covered"),
    [
        ("a", "a", True),
        ("a", "a/b", True),
        ("a", "ab", False),
        ("a/b", "a", False),
        (".", "a/b", True),
        (".", ".", True),
        (".", "..", False),
        (".", "../a", False),
        (".", "..a", True),
        ("..", "../a", True),
        ("..", "../../a", False),
        ("..", "..", True),
        ("../a", "../a/b", True),
        ("..", "a", False),
    ],
)
def test_what_lies_below_a_folder(folder: str, path: str, is_covered: bool) -> None:
    assert covers(folder, path) is is_covered


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("nginx.conf", "carried"),
        ("conf/a", "carried"),
        ("conf/cache/x", "data"),
        ("data", "data"),
        ("../shared/x", "data"),
        ("../other", None),
        ("src/app", "left out"),
        ("src/app/built/x", "carried"),
        (".", "left out"),
        ("unheard-of", "left out"),
    ],
)
def test_the_closest_name_counts(path: str, kind: str | None) -> None:
    assert kind_of(SPEC, path) == kind


def test_a_tree_is_a_file_or_a_folder_with_its_modes() -> None:
    file, folder = tree_of(RELEASE, "nginx.conf"), tree_of(RELEASE, "conf/sub")
    assert file
    assert folder
    assert (file.name, dict(file.files)) == ("nginx.conf", {"nginx.conf": b"a"})
    assert dict(folder.files) == {"sub/run.sh": b"c"}
    assert folder.executable == {"sub/run.sh"}
    whole = tree_of(RELEASE, "conf")
    assert whole
    assert set(whole.files) == {"conf/a", "conf/sub/run.sh"}
    assert tree_of(RELEASE, "con") is None


def test_the_digest_is_of_names_bytes_and_modes_only() -> None:
    same = digest_of_files({"a": b"1", "b": b"2"}, {"a"})
    assert same == digest_of_files({"b": b"2", "a": b"1"}, {"a"})
    others = [
        digest_of_files({"a": b"1", "b": b"2"}, set()),
        digest_of_files({"a": b"1", "c": b"2"}, {"a"}),
        digest_of_files({"a": b"1", "b": b"3"}, {"a"}),
    ]
    assert len({same, *others}) == 4


def test_where_each_lies() -> None:
    data, left, carried = PLACES.of("../shared/x"), PLACES.of("src"), PLACES.of("conf")
    assert data
    assert left
    assert carried
    assert (data.kind, data.where) == ("data", "/srv/shop/shared/x")
    assert (left.kind, left.where) == ("left out", "")
    assert carried.where.startswith("/state/carried/")
    assert carried.where.endswith("/conf")
    assert PLACES.of("src/app/built") is None, "the release does not have it"
    assert PLACES.of("../other") is None
