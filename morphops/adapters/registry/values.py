"""What crosses the registry client, as frozen values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from morphops.core.release.artifact import INDEX, MANIFEST, is_index, parse_json
from morphops.core.release.digest import digest_of, is_digest
from morphops.core.release.reference import is_repository
from morphops.errors import InputError

# One value of a JSON document.
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

# OCI distribution-spec v1.1, "Pulling manifests": what a tag looks like.
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Names content: OCI image-spec v1.1, descriptor.md.

    Attributes:
        media_type: what kind of content it is.
        digest: of its bytes.
        size: in bytes.
        artifact_type: of the manifest that it names; empty where it has none.
        annotations: of that manifest.
    """

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, entry: object) -> Descriptor:
        """Read an entry of an index.

        Raises:
            ValueError: it is not a descriptor of content with a sha256 digest.
        """
        if not isinstance(entry, dict):
            raise ValueError("not an object")
        digest, size = entry.get("digest"), entry.get("size")
        annotations = entry.get("annotations") or {}
        if not isinstance(digest, str) or not is_digest(digest):
            raise ValueError("without a sha256 digest")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError("without a size")
        if not isinstance(annotations, dict):
            raise ValueError("annotations that are not an object")
        return cls(
            media_type=str(entry.get("mediaType") or ""),
            digest=digest,
            size=size,
            artifact_type=str(entry.get("artifactType") or ""),
            annotations={str(name): str(value) for name, value in annotations.items()},
        )

    def json(self) -> dict[str, Json]:
        """Return the entry of an index that names it."""
        entry: dict[str, Json] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.artifact_type:
            entry["artifactType"] = self.artifact_type
        if self.annotations:
            entry["annotations"] = dict(self.annotations)
        return entry


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index: its bytes, and the digest that they hash to.

    Attributes:
        descriptor: names it.
        data: its bytes.
    """

    descriptor: Descriptor
    data: bytes

    @property
    def digest(self) -> str:
        """Return the digest of the bytes."""
        return self.descriptor.digest


def describe(data: bytes, where: str) -> Descriptor:
    """Return the descriptor of a manifest, as an index of referrers lists it.

    Args:
        data: the manifest's bytes.
        where: names them in an error.

    Raises:
        InputError: the bytes are not a JSON object.
    """
    document = parse_json(data, where)
    config, annotations = document.get("config"), document.get("annotations")
    kind = document.get("artifactType")
    if not kind and isinstance(config, dict) and not is_index(document):
        kind = config.get("mediaType")  # as the spec says where there is no artifactType
    return Descriptor(
        media_type=str(document.get("mediaType") or (INDEX if is_index(document) else MANIFEST)),
        digest=digest_of(data),
        size=len(data),
        artifact_type=str(kind or ""),
        annotations=annotations if isinstance(annotations, dict) else {},
    )


def subject_of(data: bytes, where: str) -> str:
    """Return the digest that a manifest refers to as its subject, or nothing.

    Raises:
        InputError: the bytes are not a JSON object, or its subject is malformed.
    """
    subject = parse_json(data, where).get("subject")
    if subject is None:
        return ""
    try:
        return Descriptor.parse(subject).digest
    except ValueError as err:
        raise InputError(f"the subject of {where} is a descriptor {err}") from None


def check_names(repository: str, reference: str = "") -> None:
    """Refuse names that cannot stand in a path of the registry's API.

    Raises:
        InputError: the repository, the tag or the digest is malformed.
    """
    if not is_repository(repository):
        raise InputError(f"{repository!r} is not the name of a repository")
    if reference and not (is_digest(reference) or _TAG.fullmatch(reference)):
        raise InputError(f"{reference!r} is neither a tag nor a sha256 digest")
