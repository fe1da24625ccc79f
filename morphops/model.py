"""The words of the project as frozen values: no I/O, no engine, no policy.

Digests are written as OCI does: `sha256:` and 64 lowercase hex digits
(OCI image-spec v1.1, descriptor.md#digests).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from morphops.errors import InputError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# OCI distribution-spec v1.1: a name is path components; a host may carry a port.
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*")

# Where Docker Hub answers, and how images name it.
HUB = "registry-1.docker.io"
_HUB_NAMES = ("docker.io", "index.docker.io")


# What says which digest an image has.
_IMAGE_DIGEST = "docker buildx imagetools inspect <image>   (says its digest)"


def digest_of(data: bytes) -> str:
    """The OCI digest of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no white space, UTF-8, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def is_digest(text: str) -> bool:
    """Whether the text is a well-formed sha256 digest, all of it."""
    return _DIGEST.fullmatch(text) is not None


def is_repository(text: str) -> bool:
    """Whether the text is the name of a repository, without the registry's host.

    OCI distribution-spec v1.1, "Pulling manifests"; Docker's limit of 255 characters.
    """
    return len(text) <= 255 and re.fullmatch(rf"{_PART}(?:/{_PART})*", text) is not None


def is_pinned(reference: str) -> bool:
    """Whether an image reference ends in a digest; a tag before it does not matter."""
    name, _, digest = reference.rpartition("@")
    return bool(name) and not re.search(r"[@\s]", name) and is_digest(digest)


def parse_digest(
    text: str,
    what: str = "digest",
    hint: str = "inv deploy   (lists the releases that are known here)",
) -> str:
    """The digest, checked.

    Args:
        text: what was typed.
        what: what it should be the digest of.
        hint: the command that says which there are.

    Raises:
        InputError: it is malformed; the message says how.
    """
    if is_digest(text):
        return text
    if text.startswith("sha256:"):
        hexpart = text.removeprefix("sha256:")
        raise InputError(
            f"malformed {what} {text!r}: sha256: is followed by 64 lowercase hex digits, "
            f"here are {len(hexpart)} characters",
            hint=hint,
        )
    if re.fullmatch(r"[0-9a-f]{12,64}", text):
        raise InputError(
            f"{text!r} is no {what}: only sha256: and all 64 digits are accepted here",
            hint=hint,
        )
    raise InputError(
        f"{text!r} is no {what}: a tag can move, so only sha256:<64 hex> is accepted",
        hint=hint,
    )


def parse_image_digest(text: str) -> str:
    """The digest of an image, checked; see `parse_digest`."""
    return parse_digest(text, "image digest", _IMAGE_DIGEST)


def short(digest: str) -> str:
    """The first 12 hex digits of a digest: for people and for tags, never for identity."""
    return digest.removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True, order=True)
class ImageRef:
    """`repository@sha256:<64 hex>`; the repository includes the registry's host."""

    repository: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> ImageRef:
        """Read `repository@sha256:…`.

        Raises:
            InputError: there is a tag, no digest, or the repository is malformed.
        """
        repository, at, digest = text.partition("@")
        if not at:
            raise InputError(
                f"{text!r} names no digest: images are deployed as repository@sha256:<64 hex>"
            )
        # `name:tag@digest` is legal for Docker, but the tag says something that nobody checks.
        if not _REPOSITORY.fullmatch(repository):
            raise InputError(f"malformed repository {repository!r} in {text!r}")
        return cls(repository, parse_image_digest(digest))

    @property
    def host(self) -> str:
        """`host[:port]` of the registry to ask; Docker's short names are Docker Hub's."""
        return self._where[0]

    @property
    def path(self) -> str:
        """The repository as that registry calls it."""
        return self._where[1]

    @property
    def _where(self) -> tuple[str, str]:
        first, slash, rest = self.repository.partition("/")
        if slash and first not in _HUB_NAMES and (set(".:") & set(first) or first == "localhost"):
            return first, rest
        path = rest if slash and first in _HUB_NAMES else self.repository
        return HUB, path if "/" in path else f"library/{path}"

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Image:
    """What a release records of one image.

    Attributes:
        name: the image's name in the bundle (`server`).
        ref: what is pulled; its digest is that of the index where there is one, else the manifest.
        manifest: digest of the platform's manifest.
        config: digest of the image's configuration, which is the image ID in the overlay2 store.
        platform: `os/architecture[/variant]`.
    """

    name: str
    ref: ImageRef
    manifest: str
    config: str
    platform: str

    @property
    def index(self) -> str | None:
        """The index's digest where the image was released as an index."""
        return self.ref.digest if self.ref.digest != self.manifest else None


@dataclass(frozen=True, slots=True)
class Release:
    """A complete, immutable set of images and operating files; its digest is its name.

    Attributes:
        digest: digest of the OCI manifest that holds all of this.
        project: the bundle's project.
        images: by name, sorted.
        files: path inside the bundle → bytes (compose files, bundle, env schema, runbooks).
        manifests: digest → bytes of the image manifests and indexes, kept so that an identity can
            be verified where no registry is.
        labels: revision, version and the like; what `release.create` was told.
    """

    digest: str
    project: str
    images: tuple[Image, ...]
    files: Mapping[str, bytes]
    manifests: Mapping[str, bytes] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """The first 12 hex digits of the name."""
        return short(self.digest)

    def image(self, name: str) -> Image:
        """The image of that name.

        Raises:
            InputError: the release has no such image.
        """
        for image in self.images:
            if image.name == name:
                return image
        known = ", ".join(image.name for image in self.images)
        raise InputError(f"release {self.short} has no image {name!r} (it has: {known})")
