"""A release as bytes, with the manifests of its image."""

from __future__ import annotations

from typing import Any

from morphops.core.release import artifact as release_artifact
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image

CONFIG = digest_of(b"config")
PLAIN = canonical_json(
    {"schemaVersion": 2, "mediaType": release_artifact.MANIFEST, "config": {"digest": CONFIG}}
)


def entry(digest: str, os: str, architecture: str, variant: str = "") -> dict[str, Any]:
    platform = {"os": os, "architecture": architecture, "variant": variant}
    return {"digest": digest, "platform": {k: v for k, v in platform.items() if v}}


INDEX = canonical_json(
    {
        "mediaType": release_artifact.INDEX,
        "manifests": [
            entry(digest_of(PLAIN), "linux", "amd64"),
            entry(f"sha256:{'e' * 64}", "linux", "arm64", "v8"),
            entry(f"sha256:{'f' * 64}", "unknown", "unknown"),
        ],
    }
)
BYTES = {digest_of(PLAIN): PLAIN, digest_of(INDEX): INDEX}
REF = ImageRef("r.example/api", digest_of(INDEX))
IMAGE = Image("api", REF, digest_of(PLAIN), CONFIG, "linux/amd64")
FILES = {"bundle.yaml": b"schema: 1", "compose/a.yaml": b"same", "compose/b.yaml": b"same"}


def artifact(files: dict[str, bytes] | None = None, **labels: str) -> release_artifact.Artifact:
    return release_artifact.encode(
        project="shop",
        images=[IMAGE],
        files=FILES if files is None else files,
        manifests=BYTES,
        labels=labels,
    )


def decode(made: release_artifact.Artifact) -> Any:
    return release_artifact.decode(made.digest, made.manifest, made.blobs.__getitem__)
