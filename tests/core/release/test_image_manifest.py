"""What a release records of an image, and for which platform it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from morphops.core.release import artifact
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.image_manifest import choose_platform, describe_image
from morphops.core.release.platform import fits, is_platform, platform_name
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image
from morphops.errors import InputError, IntegrityError
from tests.samples.artifacts import BYTES, IMAGE, INDEX, PLAIN, REF, entry


class Served:
    """Manifests and configurations of images, by digest; what was asked for is kept."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []

    def image(self, config: object) -> str:
        blob = canonical_json(config)
        self.blobs[digest_of(blob)] = blob
        document = {"mediaType": artifact.MANIFEST, "config": {"digest": digest_of(blob)}}
        return self.add(document)

    def add(self, document: object) -> str:
        data = canonical_json(document)
        self.manifests[digest_of(data)] = data
        return digest_of(data)

    def index(self, **platforms: str) -> str:
        """An index; of `linux_arm64_v8=<digest>` each."""
        entries = [entry(digest, *name.split("_")) for name, digest in platforms.items()]
        return self.add({"mediaType": artifact.INDEX, "manifests": entries})

    def describe(self, digest: str, platform: str) -> tuple[Image, Mapping[str, bytes]]:
        def blob(digest: str) -> bytes:
            self.asked.append(digest)
            return self.blobs[digest]

        ref = ImageRef("r.example/api", digest)
        manifest = self.manifests.__getitem__
        return describe_image("api", ref, platform, manifest=manifest, blob=blob)


def test_an_image_behind_an_index() -> None:
    served = Served()
    served.manifests = dict(BYTES)
    image, kept = served.describe(REF.digest, "linux/amd64")
    assert (image, dict(kept)) == (IMAGE, BYTES)
    assert served.asked == [], "the index says what it is for"


@pytest.mark.parametrize(
    ("platform", "variant", "recorded"),
    [
        ("linux/amd64", "", "linux/amd64"),
        ("linux/arm64", "v8", "linux/arm64/v8"),
        ("linux/arm64/v8", "v8", "linux/arm64/v8"),
    ],
)
def test_the_manifest_of_an_index_is_that_of_the_engine(
    platform: str, variant: str, recorded: str
) -> None:
    served = Served()
    amd64 = served.image({"os": "linux", "architecture": "amd64"})
    arm64 = served.image({"os": "linux", "architecture": "arm64", "variant": "v8"})
    index = served.index(linux_amd64=amd64, linux_arm64_v8=arm64, unknown_unknown=amd64)
    image, kept = served.describe(index, platform)
    assert image.manifest == (arm64 if variant else amd64)
    assert (image.platform, image.index) == (recorded, index)
    assert set(kept) == {index, image.manifest}


@pytest.mark.parametrize(
    ("config", "platform", "recorded"),
    [
        ({"os": "linux", "architecture": "amd64"}, "linux/amd64", "linux/amd64"),
        ({"os": "linux", "architecture": "arm64"}, "linux/arm64", "linux/arm64"),
        ({"os": "linux", "architecture": "arm64"}, "linux/arm64/v8", "linux/arm64"),
        (
            {"os": "linux", "architecture": "arm64", "variant": "v8"},
            "linux/arm64",
            "linux/arm64/v8",
        ),
    ],
)
def test_the_platform_of_a_single_manifest_is_what_its_configuration_says(
    config: Any, platform: str, recorded: str
) -> None:
    served = Served()
    digest = served.image(config)
    image, kept = served.describe(digest, platform)
    assert (image.platform, image.manifest, image.index) == (recorded, digest, None)
    assert set(kept) == {digest}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"os": "linux", "architecture": "arm64"}, r"for linux/amd64 \(it is for: linux/arm64\)"),
        ({"os": "linux"}, "its configuration names no platform"),
        ({"os": "unknown", "architecture": "unknown"}, "its configuration names no platform"),
        ([], "is not an OCI manifest"),
    ],
)
def test_a_single_manifest_for_another_platform(config: Any, says: str) -> None:
    served = Served()
    with pytest.raises(InputError, match=says):
        served.describe(served.image(config), "linux/amd64")


def test_another_configuration_than_was_asked_for() -> None:
    served = Served()
    digest = served.image({"os": "linux", "architecture": "amd64"})
    (config,) = served.blobs
    served.blobs[config] = b'{"os": "linux", "architecture": "arm64"}'
    with pytest.raises(IntegrityError, match="does not hash to its digest"):
        served.describe(digest, "linux/arm64")


@pytest.mark.parametrize("document", [{}, {"config": "x"}, {"artifactType": artifact.RELEASE}])
def test_what_is_not_an_image(document: dict[str, Any]) -> None:
    served = Served()
    with pytest.raises(InputError, match="is not an image"):
        served.describe(served.add(document), "linux/amd64")


@pytest.mark.parametrize(
    ("platforms", "wanted", "chosen"),
    [
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", "linux/arm/v7"),
        (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm", "linux/arm/v7"),
        (["linux/amd64/v2"], "linux/amd64", "linux/amd64/v2"),
        (["linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"),
        (["linux/arm64"], "linux/arm64/v8", "linux/arm64"),
        (["linux/arm/v7"], "linux/arm/v6", ""),
        (["linux/amd64/v2", "linux/amd64/v3"], "linux/amd64", ""),
        (["windows/amd64"], "linux/amd64", ""),
        ([], "linux/amd64", ""),
    ],
)
def test_which_of_the_variants(platforms: list[str], wanted: str, chosen: str) -> None:
    index = {"manifests": [entry(f"sha256:{name}", *name.split("/")) for name in platforms]}
    if chosen:
        assert choose_platform(index, wanted, "x") == (f"sha256:{chosen}", chosen)
        return
    with pytest.raises(InputError, match=f"x is not for {wanted}"):
        choose_platform(index, wanted, "x")


def test_no_such_platform() -> None:
    with pytest.raises(InputError, match=r"it is for: linux/amd64, linux/arm64/v8\)") as caught:
        choose_platform(json.loads(INDEX), "linux/s390x", "x")
    assert "platform:" in caught.value.hint
    assert digest_of(PLAIN) == choose_platform(json.loads(INDEX), "linux/amd64", "x")[0]


@pytest.mark.parametrize(
    ("os", "architecture", "name"),
    [
        ("linux", "x86_64", "linux/amd64"),
        ("linux", "amd64", "linux/amd64"),
        ("linux", "aarch64", "linux/arm64"),
        ("linux", "armv7l", "linux/arm/v7"),
        ("linux", "armv6l", "linux/arm/v6"),
        ("linux", "riscv64", "linux/riscv64"),
        ("", "amd64", ""),
        ("linux", "", ""),
    ],
)
def test_what_an_engine_says_of_its_machine(os: str, architecture: str, name: str) -> None:
    assert platform_name(os, architecture) == name
    assert not name or is_platform(name)


@pytest.mark.parametrize("text", ["", "linux", "linux/", "Linux/amd64", "linux/arm/v7/x", "a/b c"])
def test_what_is_not_a_platform(text: str) -> None:
    assert not is_platform(text)


def test_what_runs_where() -> None:
    assert fits("linux/arm64", "linux/arm64/v8")
    assert fits("linux/arm/v7", "linux/arm/v6")
    assert not fits("linux/arm/v6", "linux/arm/v7")
    assert not fits("linux/amd64", "linux/amd64/v3")
    assert not fits("linux/amd64", "linux/arm64")


def test_an_index_need_not_say_the_platform() -> None:
    """OCI image-spec, image-index: `platform` is OPTIONAL; the configuration says it as well."""
    served = Served()
    amd64 = served.image({"os": "linux", "architecture": "amd64"})
    arm64 = served.image({"os": "linux", "architecture": "arm64", "variant": "v8"})
    entries = [{"digest": digest} for digest in (amd64, arm64)]
    index = served.add({"mediaType": artifact.INDEX, "manifests": entries})
    image, _ = served.describe(index, "linux/arm64")
    assert (image.manifest, image.platform) == (arm64, "linux/arm64/v8")


def test_an_index_of_nothing_says_so() -> None:
    served = Served()
    index = served.add({"mediaType": artifact.INDEX, "manifests": []})
    with pytest.raises(InputError, match="it names no platform"):
        served.describe(index, "linux/amd64")


ODD: tuple[object, ...] = (
    None,
    "text",
    7,
    ["x"],
    [None],
    {"a": 1},
    [{}],
    [{"digest": 7}],
    [{"digest": "sha256:x"}],
)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("key", ["manifests", "config", "mediaType"])
def test_a_malformed_document_is_no_bug(key: str, value: object) -> None:
    served = Served()
    digest = served.add({"mediaType": artifact.INDEX if key == "manifests" else "x", key: value})
    with pytest.raises((InputError, IntegrityError)):
        served.describe(digest, "linux/amd64")


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("key", ["os", "architecture", "variant"])
def test_a_malformed_configuration_is_no_bug(key: str, value: object) -> None:
    served = Served()
    digest = served.image({"os": "linux", "architecture": "amd64", key: value})
    if key == "variant" and not value:
        return
    with pytest.raises((InputError, IntegrityError)):
        served.describe(digest, "linux/amd64")
