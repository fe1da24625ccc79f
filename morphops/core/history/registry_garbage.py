"""What may leave a registry: what only releases need that no root keeps. It decides only. Pure.

A registry may be shared. So a release goes only if it was here once. An image goes only if each of
its tags is one by which a release that goes held it. A tag of anybody else, or of a release that
was never here, keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from morphops.core.release.artifact import children
from morphops.core.release.digest import short
from morphops.core.release.release import Release

_HELD = re.compile(r"morphops-([0-9a-f]{12})(?:-[0-9a-f]{12})?")


@dataclass(frozen=True, slots=True, order=True)
class Stored:
    """A manifest in a registry.

    Attributes:
        repository: without the registry's host.
        digest: of the manifest.
    """

    repository: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Leaving:
    """What goes.

    Attributes:
        releases: digests of releases, whose manifests are among the others.
        manifests: all that is removed, images before releases: what is interrupted is found again.
        unknown: how many releases of the registry were never here, and stay.
    """

    releases: tuple[str, ...] = ()
    manifests: tuple[Stored, ...] = ()
    unknown: int = 0


def leaving(
    tags: Mapping[str, Mapping[str, str]],
    *,
    at: str,
    known: Mapping[str, Release | None],
    kept: Collection[str],
    built: Collection[str],
) -> Leaving:
    """What goes.

    Args:
        tags: repository, without the host → tag → digest, of the repositories that are ours.
        at: the repository of the releases.
        known: the releases that were here once; None for one whose files are not here.
        kept: the releases that a root keeps.
        built: the digests of the last build, which the next release is made of.
    """
    named = tags.get(at, {})
    stored = {digest for tag, digest in named.items() if tag == short(digest)}
    # One that a person gave another tag is meant to stay.
    going = sorted(
        digest
        for digest in stored - set(kept)
        if known.get(digest) and _tags(named, digest) == {short(digest)}
    )
    shorts = frozenset(map(short, going))
    needed = {*built, *_images(known, [digest for digest in known if digest not in going])}
    images = {
        Stored(repository, digest)
        for repository, there in tags.items()
        if repository != at
        for digest in _images(known, going) & set(there.values()) - needed
        if _holders(there, digest) <= shorts
    }
    return Leaving(
        releases=tuple(going),
        manifests=(*sorted(images), *(Stored(at, digest) for digest in going)),
        unknown=len(stored - set(kept) - known.keys()),
    )


def _images(known: Mapping[str, Release | None], digests: Sequence[str]) -> set[str]:
    """The digests of the images of some releases, and of what their indexes name."""
    return {found for digest in digests if (r := known[digest]) for found in _manifests(r)}


def _manifests(release: Release) -> Iterator[str]:
    for image in release.images:
        yield image.ref.digest
        yield image.manifest
        if data := release.manifests.get(image.ref.digest):
            yield from children(data)


def _tags(named: Mapping[str, str], digest: str) -> set[str]:
    return {tag for tag, there in named.items() if there == digest}


def _holders(named: Mapping[str, str], digest: str) -> frozenset[str]:
    """The releases whose tags hold a manifest; each other tag stands for itself."""
    found = _tags(named, digest)
    return frozenset(held[1] if (held := _HELD.fullmatch(tag)) else tag for tag in found)
