"""Release ↔ OCI artifact, as bytes.

A release is an OCI image manifest with an `artifactType` (OCI image-spec v1.1, manifest.md,
"Guidelines for Artifact Usage"). Its config is canonical JSON that says what the release is; its
layers are the operating files and the image manifests that it keeps. No timestamps, sorted keys:
the same content has the same bytes, and so the same digest, which is the release's name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from morphops.core.release.digest import canonical_json, digest_of, is_digest, short
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image, Release
from morphops.errors import InputError, IntegrityError, OtherKind

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = (INDEX, DOCKER_INDEX)
RELEASE = "application/vnd.morphops.release.v1+json"
_CONFIG = "application/vnd.morphops.release.config.v1+json"
_FILE = "application/vnd.morphops.file.v1"
_KEPT = "application/vnd.morphops.image-manifest.v1"
_TITLE = "org.opencontainers.image.title"
_SCHEMA = 1
_LONGEST = 255  # bytes of one part of a path, on Linux


@dataclass(frozen=True, slots=True)
class Artifact:
    """An encoded release.

    Attributes:
        digest: of the manifest: the release's name.
        manifest: its bytes.
        blobs: digest → bytes of the config and of every layer.
    """

    digest: str
    manifest: bytes
    blobs: Mapping[str, bytes]


def encode(
    *,
    project: str,
    images: Sequence[Image],
    files: Mapping[str, bytes],
    manifests: Mapping[str, bytes],
    labels: Mapping[str, str],
    executable: Collection[str] = (),
) -> Artifact:
    """A release's content → its artifact.

    Args:
        project: the bundle's project.
        images: in any order.
        files: path inside of the bundle → bytes; a kind of file that does not exist is absent.
        manifests: digest → bytes of the images' manifests and indexes.
        labels: what `release.create` was told.
        executable: the names of the files that may be executed.

    Raises:
        InputError: a path is unsafe, or a name stands twice.
        IntegrityError: a manifest's bytes do not hash to its digest, or one is missing.
    """
    if len({image.name for image in images}) != len(images):
        raise InputError("an image is in the release twice")
    for name in files:
        _safe(name)
    _check_images(images, manifests)
    config = canonical_json(
        {
            "schema": _SCHEMA,
            "project": project,
            "images": {image.name: _image_json(image) for image in images},
            "files": {name: digest_of(data) for name, data in files.items()},
            "manifests": sorted(manifests),
            "labels": dict(labels),
            # A release without such files has the same digest as before there were any.
            **({"executable": sorted(executable)} if executable else {}),
        }
    )
    layers = [_descriptor(_FILE, data, {_TITLE: name}) for name, data in sorted(files.items())] + [
        _descriptor(_KEPT, data) for _, data in sorted(manifests.items())
    ]
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": RELEASE,
            "config": _descriptor(_CONFIG, config),
            "layers": layers,
        }
    )
    blobs = {digest_of(data): data for data in (config, *files.values(), *manifests.values())}
    return Artifact(digest_of(manifest), manifest, blobs)


def encode_release(release: Release) -> Artifact:
    """The artifact of a release; its digest is the release's name again."""
    return encode(
        project=release.project,
        images=release.images,
        files=release.files,
        manifests=release.manifests,
        labels=release.labels,
        executable=release.executable,
    )


def decode(digest: str, manifest: bytes, blob: Callable[[str], bytes]) -> Release:
    """An artifact → its release; every byte is hashed, and every part is held against the others.

    Args:
        digest: the release's name.
        manifest: the manifest's bytes.
        blob: digest → bytes.

    Raises:
        InputError: it is another kind of artifact, or of a version that is not known.
        IntegrityError: bytes are not what names them, or parts contradict each other.
    """
    check_bytes(digest, manifest, "the manifest of the release")
    document = parse_json(manifest, f"release {short(digest)}")
    kind = document.get("artifactType")
    if kind != RELEASE:
        found = kind or document.get("mediaType") or "something else"
        raise OtherKind(f"{digest} is not a release but {found}", state="nothing was changed")
    try:
        return _decode(digest, document, blob)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as err:
        raise IntegrityError(f"release {short(digest)} is malformed: {err!r}") from None


def _decode(digest: str, document: Mapping[str, Any], blob: Callable[[str], bytes]) -> Release:
    config = json.loads(_fetch(document["config"], blob))
    if config.get("schema") != _SCHEMA:
        raise InputError(
            f"release {short(digest)} has schema {config.get('schema')!r}, "
            f"this version reads {_SCHEMA}",
            hint="use the version of morphops that made it, or a later one",
        )
    files: dict[str, bytes] = {}
    manifests: dict[str, bytes] = {}
    for layer in document["layers"]:
        data = _fetch(layer, blob)
        if layer["mediaType"] == _KEPT:
            manifests[layer["digest"]] = data
            continue
        name = layer["annotations"][_TITLE]
        if not isinstance(name, str) or not is_inside(name):
            raise IntegrityError(
                f"release {short(digest)} holds a file {name!r}, whose path leads out of it"
            )
        if name in files:
            raise IntegrityError(f"release {short(digest)} holds {name} twice")
        files[name] = data
    if {name: digest_of(data) for name, data in files.items()} != config["files"]:
        raise IntegrityError(f"release {short(digest)}: its files are not those its config lists")
    if sorted(manifests) != config["manifests"]:
        raise IntegrityError(f"release {short(digest)}: its image manifests are not all there")
    project, labels = config["project"], config["labels"]
    if not isinstance(project, str) or not _is_text_map(labels):
        raise TypeError("its project or its labels are no text")
    executable = config.get("executable", [])
    if not isinstance(executable, list) or not set(executable) <= files.keys():
        raise TypeError("what it says may be executed is no file of it")
    images = tuple(_image(name, spec) for name, spec in sorted(config["images"].items()))
    _check_images(images, manifests)
    return Release(
        digest=digest,
        project=project,
        images=images,
        files=files,
        manifests=manifests,
        labels=labels,
        executable=frozenset(executable),
    )


def is_index(document: Mapping[str, Any]) -> bool:
    """Whether a manifest document is an index of several platforms."""
    return document.get("mediaType") in INDEXES or "manifests" in document


def children(index: bytes) -> tuple[str, ...]:
    """The digests that an index names, attestations included; none for a plain manifest."""
    document = json.loads(index)
    return tuple(str(entry["digest"]) for entry in document.get("manifests") or ())


def check_bytes(digest: str, data: bytes, what: str) -> None:
    """Hash bytes.

    Raises:
        IntegrityError: they are not what the digest names.
    """
    if digest_of(data) != digest:
        raise IntegrityError(
            f"{what} does not hash to its digest: asked for {digest}, "
            f"got bytes of {digest_of(data)}",
            state="nothing of it was used or stored",
        )


def parse_json(data: bytes, where: str) -> Mapping[str, Any]:
    """A JSON object from bytes that were hashed already.

    Raises:
        InputError: they are not one.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InputError(f"{where} is not an OCI manifest")
    return document


def _fetch(descriptor: Mapping[str, Any], blob: Callable[[str], bytes]) -> bytes:
    digest = str(descriptor["digest"])
    data = blob(digest)
    check_bytes(digest, data, f"blob {short(digest)}")
    if len(data) != descriptor["size"]:
        raise IntegrityError(f"blob {short(digest)} does not have the size that is said of it")
    return data


def _descriptor(
    media_type: str, data: bytes, annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    descriptor: dict[str, Any] = {
        "mediaType": media_type,
        "digest": digest_of(data),
        "size": len(data),
    }
    if annotations:
        descriptor["annotations"] = dict(annotations)
    return descriptor


def _image_json(image: Image) -> dict[str, str]:
    return {
        "repository": image.ref.repository,
        "digest": image.ref.digest,
        "manifest": image.manifest,
        "config": image.config,
        "platform": image.platform,
    }


def _image(name: str, spec: Mapping[str, str]) -> Image:
    if not _is_text_map(spec):
        raise TypeError(f"image {name} is no text")
    ref = ImageRef.parse(f"{spec['repository']}@{spec['digest']}")
    if not is_digest(spec["manifest"]) or not is_digest(spec["config"]):
        raise IntegrityError(f"image {name}: malformed digest")
    return Image(name, ref, spec["manifest"], spec["config"], spec["platform"])


def _is_text_map(value: object) -> bool:
    """Whether a JSON value is an object of texts."""
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _check_images(images: Sequence[Image], manifests: Mapping[str, bytes]) -> None:
    """Hold the chain index → manifest → config of each image against the kept bytes."""
    for digest, data in manifests.items():
        check_bytes(digest, data, "an image manifest")
    for image in images:
        for digest in (image.ref.digest, image.manifest):
            if digest not in manifests:
                raise IntegrityError(f"image {image.name}: manifest {short(digest)} is not kept")
        if image.index and image.manifest not in children(manifests[image.index]):
            raise IntegrityError(f"image {image.name}: its index does not name its manifest")
        config = parse_json(manifests[image.manifest], image.name).get("config")
        if not isinstance(config, Mapping) or config.get("digest") != image.config:
            raise IntegrityError(f"image {image.name}: its manifest names another config")


def is_inside(name: str) -> bool:
    """Whether a text is the plain path of a file inside of a folder, on any system."""
    path = PurePosixPath(name)
    odd = ".." in path.parts or "\\" in name or not name.isprintable()
    long = any(len(part.encode()) > _LONGEST for part in path.parts)
    return bool(path.parts) and not (path.is_absolute() or odd or long or str(path) != name)


def _safe(name: str) -> str:
    """A path that stays inside of the folder it is written to.

    Raises:
        InputError: it would not.
    """
    if not is_inside(name):
        raise InputError(f"{name!r} is not a path inside of the bundle's folder")
    return name
