"""A release as bytes, on disk, and back; and what is refused on the way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.adapters.store.release_layout import is_complete, read_layout, write_layout
from morphops.core.release import artifact as release_artifact
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.release import Image
from morphops.errors import InputError, IntegrityError, PreconditionError
from tests.samples.artifacts import (
    BYTES,
    FILES,
    IMAGE,
    INDEX,
    PLAIN,
    REF,
    artifact,
    decode,
)

NAMES = st.from_regex(r"[a-z]{1,6}(/[a-z]{1,6})?\.yaml", fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(max_size=30), max_size=5))
def test_decoding_is_the_inverse_and_order_does_not_matter(files: dict[str, bytes]) -> None:
    made = artifact(files, revision="r")
    release = decode(made)
    assert dict(release.files) == files
    assert release.images == (IMAGE,)
    assert release_artifact.encode_release(release) == made
    assert artifact(dict(reversed(files.items())), revision="r").digest == made.digest
    assert artifact({**files, "new.yaml": b""}, revision="r").digest != made.digest
    assert artifact(files, revision="s").digest != made.digest


def test_what_may_be_executed_is_kept_and_counts() -> None:
    plain = artifact()
    made = release_artifact.encode(
        project="shop",
        images=[IMAGE],
        files=FILES,
        manifests=BYTES,
        labels={},
        executable=["compose/a.yaml"],
    )
    assert decode(made).executable == {"compose/a.yaml"}
    assert release_artifact.encode_release(decode(made)) == made
    assert made.digest != plain.digest
    # A release of before there was such a thing keeps its name.
    assert b"executable" not in b"".join(plain.blobs.values())
    with pytest.raises(IntegrityError, match="may be executed"):
        decode(altered({"executable": ["unheard-of"]}))


def test_the_digest_covers_every_byte_of_a_file() -> None:
    changed = {**FILES, "bundle.yaml": b"schema: 2"}
    assert artifact().digest != artifact(changed).digest


@pytest.mark.parametrize("which", range(5))
def test_one_other_byte_is_found(which: int) -> None:
    made = artifact()
    digest = sorted(made.blobs)[which]
    blobs = {**made.blobs, digest: made.blobs[digest] + b" "}
    with pytest.raises(IntegrityError, match="does not hash to its digest"):
        release_artifact.decode(made.digest, made.manifest, blobs.__getitem__)
    with pytest.raises(IntegrityError, match="the manifest of the release"):
        release_artifact.decode(made.digest, made.manifest + b" ", made.blobs.__getitem__)


@pytest.mark.parametrize("name", ["../x", "/x", "a\\b", "a//b", "a/../b", "", "./a"])
def test_a_path_stays_in_its_folder(name: str) -> None:
    with pytest.raises(InputError, match="not a path inside"):
        artifact({name: b""})


def altered(change: dict[str, Any]) -> release_artifact.Artifact:
    """An artifact whose config says something else, with digests that fit."""
    made = artifact()
    document = json.loads(made.manifest)
    config = json.loads(made.blobs[document["config"]["digest"]]) | change
    data = canonical_json(config)
    document["config"] |= {"digest": digest_of(data), "size": len(data)}
    manifest = canonical_json(document)
    return release_artifact.Artifact(
        digest_of(manifest), manifest, {**made.blobs, digest_of(data): data}
    )


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"schema": 9}, InputError, "has schema 9, this version reads 1"),
        ({"files": {}}, IntegrityError, "its files are not those its config lists"),
        ({"manifests": []}, IntegrityError, "image manifests are not all there"),
        ({"images": {"api": {}}}, IntegrityError, "is malformed"),
    ],
)
def test_parts_that_contradict_each_other(
    change: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        decode(altered(change))


def test_something_else_than_a_release() -> None:
    with pytest.raises(InputError, match="is not a release but application/vnd"):
        release_artifact.decode(digest_of(PLAIN), PLAIN, BYTES.__getitem__)
    with pytest.raises(InputError, match="is not an OCI manifest"):
        release_artifact.decode(digest_of(b"x"), b"x", BYTES.__getitem__)


def test_the_chain_of_an_image_is_held() -> None:
    wrong = Image("api", REF, digest_of(PLAIN), f"sha256:{'0' * 64}", "linux/amd64")
    given = {"project": "p", "files": {}, "labels": {}}
    with pytest.raises(IntegrityError, match="names another config"):
        release_artifact.encode(images=[wrong], manifests=BYTES, **given)  # type: ignore[arg-type]
    only = {REF.digest: INDEX}
    with pytest.raises(IntegrityError, match="is not kept"):
        release_artifact.encode(images=[IMAGE], manifests=only, **given)  # type: ignore[arg-type]


def test_on_disk_and_back(tmp_path: Path) -> None:
    made, folder = artifact(), tmp_path / "layout"
    with pytest.raises(PreconditionError, match="is not in the state folder"):
        read_layout(folder, made.digest)
    write_layout(made, folder)
    write_layout(made, folder)
    assert read_layout(folder, made.digest) == decode(made)
    blobs = list((folder / "blobs" / "sha256").iterdir())
    assert {path.stat().st_mode & 0o777 for path in blobs} == {0o600}
    for path in blobs:
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        with pytest.raises(IntegrityError):
            read_layout(folder, made.digest)
        path.unlink()
        with pytest.raises(IntegrityError, match="is missing"):
            read_layout(folder, made.digest)
        path.write_bytes(data)
    (folder / "index.json").unlink()
    assert not is_complete(folder)


def test_a_layout_with_an_index_is_whole_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is on the disk once it was synced, and its name once its folder was after that."""
    made, folder = artifact(), tmp_path / "state" / "releases" / "layout"
    named: dict[Path, set[str]] = {}
    fsync = os.fsync

    def synced(handle: int) -> None:
        place = Path(f"/proc/self/fd/{handle}").readlink()
        if place.is_dir():
            named[place] = {path.name for path in place.iterdir()}
            if "index.json" in named[place] and place == folder:
                blobs = named[folder / "blobs" / "sha256"]
                expected = {*made.blobs, made.digest}
                assert blobs == {digest.removeprefix("sha256:") for digest in expected}
        fsync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    write_layout(made, folder)
    assert named[folder] == {"blobs", "oci-layout", "index.json"}
    assert named[folder / "blobs"] == {"sha256"}
    assert named[folder.parent] == {"layout"}
    assert named[tmp_path / "state"] == {"releases"}
    assert "state" in named[tmp_path]


def test_a_layout_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        PreconditionError, match=r"cannot store release .*: No space left"
    ) as caught:
        write_layout(artifact(), tmp_path / "layout")
    assert "space" in caught.value.hint
    assert not is_complete(tmp_path / "layout")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_nested_too_deeply_is_no_manifest() -> None:
    with pytest.raises(InputError, match="is not an OCI manifest"):
        release_artifact.parse_json(b"[" * 100_000, "x")


ODD: tuple[object, ...] = (None, "text", 7, ["x"], {"a": 1}, {"a": None}, [])


@pytest.mark.parametrize("key", ["labels", "project", "images", "files", "manifests"])
@pytest.mark.parametrize("value", ODD)
def test_a_config_of_other_types_is_malformed(key: str, value: object) -> None:
    """It is never an exception that nobody expected, here or where the release is shown."""
    if (key, value) == ("project", "text"):
        return
    with pytest.raises(IntegrityError):
        decode(altered({key: value}))


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("key", ["platform", "manifest", "config", "repository", "digest"])
def test_an_image_of_other_types_is_malformed(key: str, value: object) -> None:
    if key in ("platform", "repository") and value == "text":
        return
    images = json.loads(artifact().blobs[_config_digest()])["images"]
    images["api"][key] = value
    with pytest.raises((IntegrityError, InputError)):
        decode(altered({"images": images}))


def _config_digest() -> str:
    return str(json.loads(artifact().manifest)["config"]["digest"])


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/x", ".", "", "a\0b", "x" * 300, "\x1b[2J", "a\nb", "a/../b", "a\\b"]
)
def test_a_name_that_leads_elsewhere_or_to_the_terminal(name: str) -> None:
    assert not release_artifact.is_inside(name)
