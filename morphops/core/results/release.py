"""What the tasks of the group `release`, and `pull`, come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from morphops.core.history.operations import Record
from morphops.core.release.release import Release
from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseImage:
    """An image of a release.

    Attributes:
        ref: what is pulled: `repository@sha256:…`.
        manifest: digest of the platform's manifest.
        config: digest of the image's configuration.
        platform: `os/architecture[/variant]`.
    """

    ref: str
    manifest: str
    config: str
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseInfo(Result):
    """A release.

    Attributes:
        state: `ok`.
        exit: 0.
        release: its digest.
        project: the stack's name on the engine.
        images: by name.
        files: names of the files that it carries.
        labels: what was noted with it, by key.
    """

    state: Literal["ok"] = "ok"
    release: str
    project: str
    images: Mapping[str, ReleaseImage]
    files: tuple[str, ...]
    labels: Mapping[str, str]


def of_release(release: Release) -> ReleaseInfo:
    """Return a release as its tasks show it."""
    return ReleaseInfo(**_about(release))


def _about(release: Release) -> dict[str, Any]:
    """The fields that every result about one release has."""
    return {
        "release": release.digest,
        "project": release.project,
        "images": images_of(release),
        "files": tuple(sorted(release.files)),
        "labels": dict(release.labels),
    }


def images_of(release: Release) -> dict[str, ReleaseImage]:
    """Return the images of a release by their names."""
    return {
        image.name: ReleaseImage(
            ref=str(image.ref),
            manifest=image.manifest,
            config=image.config,
            platform=image.platform,
        )
        for image in release.images
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSource:
    """An image of another registry, and what its name was resolved to.

    Attributes:
        image: its name in the bundle.
        source: what was resolved: `postgres:16`.
        digest: what that is now.
        previous: its digest in the last release; empty: it is not known there.
        changed: whether the last release has another digest.
        moved: whether it has another digest of the very same source.
    """

    image: str
    source: str
    digest: str
    previous: str
    changed: bool
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedFile:
    """A file that a release carries for its services.

    Attributes:
        path: relative to the bundle's folder.
        size: bytes.
        executable: whether it may be executed.
    """

    path: str
    size: int
    executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCreated(ReleaseInfo):
    """A release that was made.

    Attributes:
        state: `ok`.
        exit: 0.
        release: its digest.
        project: the stack's name on the engine.
        images: by name.
        files: names of the files that it carries.
        labels: what was noted with it, by key.
        sources: the images of other registries, and what their names were resolved to.
        carried: the files that services mount from it.
    """

    sources: tuple[ResolvedSource, ...]
    carried: tuple[CarriedFile, ...]


def of_created(
    release: Release, sources: tuple[ResolvedSource, ...], carried: tuple[CarriedFile, ...]
) -> ReleaseCreated:
    """Return a release that was made, as its task shows it."""
    return ReleaseCreated(**_about(release), sources=sources, carried=carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDetail(ReleaseInfo):
    """A release, and what was done with it.

    Attributes:
        state: `ok`.
        exit: 0.
        release: its digest.
        project: the stack's name on the engine.
        images: by name.
        files: names of the files that it carries.
        labels: what was noted with it, by key.
        stored: whether it is stored here; false: only the registry has it.
        kept_by: what keeps it from `prune`; empty: nothing.
        operations: what was done with it, oldest first, as in `history`.
    """

    stored: bool
    kept_by: tuple[str, ...]
    operations: tuple[Record, ...]


def of_detail(
    release: Release, *, stored: bool, kept_by: tuple[str, ...], operations: tuple[Record, ...]
) -> ReleaseDetail:
    """Return a release, and what was done with it; see `ReleaseDetail`."""
    return ReleaseDetail(**_about(release), stored=stored, kept_by=kept_by, operations=operations)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRelease:
    """A release that is stored here, and how it was used last.

    Attributes:
        release: its digest.
        last: when it was used last; empty: never.
        outcome: of that use; empty: not deployed yet, or the operation is incomplete.
    """

    release: str
    last: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow(KnownRelease):
    """A release that is stored here, and what keeps it.

    Attributes:
        release: its digest.
        last: when it was used last; empty: never.
        outcome: of that use; empty: not deployed yet, or the operation is incomplete.
        pinned: the reason of its pin; empty: not pinned.
        kept_by: what keeps it from `prune`; empty: nothing.
    """

    pinned: str
    kept_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseList(Result):
    """The releases that are stored here.

    Attributes:
        state: `ok`.
        exit: 0.
        releases: the last used one last.
    """

    state: Literal["ok"] = "ok"
    releases: tuple[ReleaseRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin(Result):
    """A release that `prune` keeps whatever it is told, or does not keep for that any more.

    Attributes:
        state: `pinned` or `not pinned`.
        exit: 0.
        release: its digest.
        reason: why it is pinned; empty: it is not.
        changed: false where it was so before.
    """

    state: Literal["pinned", "not pinned"]
    release: str
    reason: str
    changed: bool
