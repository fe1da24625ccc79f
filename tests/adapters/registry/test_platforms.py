"""An image is resolved for the platform that is asked for, over a registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from morphops.adapters.registry import RegistryClient
from morphops.adapters.registry.registry import Registry
from morphops.core.release.artifact import INDEX, MANIFEST
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.reference import ImageRef
from morphops.errors import InputError
from tests.adapters.registry.fake_registry import running

REPOSITORY = "shop/api"
PLATFORMS = {"amd64": "", "arm64": "v8"}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with running() as server:
        yield server.host


def push_image(client: RegistryClient, architecture: str) -> dict[str, object]:
    """An image of one platform, and its entry in an index."""
    config = canonical_json({"os": "linux", "architecture": architecture})
    client.push_blob(REPOSITORY, digest_of(config), config)
    described = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": digest_of(config),
        "size": len(config),
    }
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    manifest = canonical_json(document)
    client.put_manifest(REPOSITORY, manifest, architecture)
    platform = {"os": "linux", "architecture": architecture}
    if variant := PLATFORMS[architecture]:
        platform["variant"] = variant
    return {
        "mediaType": MANIFEST,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "platform": platform,
    }


@pytest.mark.parametrize(
    ("wanted", "architecture", "recorded"),
    [
        ("linux/amd64", "amd64", "linux/amd64"),
        ("linux/arm64", "arm64", "linux/arm64/v8"),
    ],
)
def test_an_index_of_several_platforms(
    host: str, wanted: str, architecture: str, recorded: str
) -> None:
    client = RegistryClient(host)
    entries = [push_image(client, name) for name in PLATFORMS]
    index = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    client.put_manifest(REPOSITORY, index, "both")
    ref = ImageRef(f"{host}/{REPOSITORY}", digest_of(index))
    image, kept = Registry(host).resolve_image("api", ref, wanted)
    chosen = entries[list(PLATFORMS).index(architecture)]["digest"]
    assert (image.manifest, image.index, image.platform) == (chosen, digest_of(index), recorded)
    assert json.loads(kept[image.manifest])["config"]["digest"] == image.config


def test_an_image_of_one_platform_says_itself_which(host: str) -> None:
    digest = str(push_image(RegistryClient(host), "arm64")["digest"])
    ref = ImageRef(f"{host}/{REPOSITORY}", digest)
    image, _ = Registry(host).resolve_image("api", ref, "linux/arm64")
    assert (image.platform, image.index) == ("linux/arm64", None)
    with pytest.raises(InputError, match=r"not for linux/amd64 \(it is for: linux/arm64\)"):
        Registry(host).resolve_image("api", ref, "linux/amd64")
