"""What is kept and what may go: reachability from roots. Pure; decides, removes nothing.

Roots are what runs, the release of record, where a rollback goes, the last healthy releases, what
is pinned, what is under way, and what is here to be deployed next. Everything that a root needs is
kept: its image references, its files, and the values of the deployments that a rollback would use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from morphops import journal
from morphops.journal import Record
from morphops.model import Release, short


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image on the engine.

    Attributes:
        id: the engine's name for it.
        references: every tag and `repository@digest` by which it is held.
        size: bytes, layers that others share included.
        used: whether a container, of anybody, is made of it.
    """

    id: str
    references: frozenset[str]
    size: int
    used: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """What goes.

    Attributes:
        references: image references to let go; an image without any is gone.
        releases: digests of stored releases.
        deployments: numbers of stored deployments.
        at_most: bytes of the images that lose all of their references.
    """

    references: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    deployments: tuple[int, ...] = ()
    at_most: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing goes."""
        return not (self.references or self.releases or self.deployments)


def roots(
    records: Sequence[Record],
    *,
    keep: int,
    pinned: Collection[str],
    running: Collection[str],
    waiting: Collection[str],
) -> dict[str, tuple[str, ...]]:
    """The releases that are kept, each with why.

    Args:
        records: the history.
        keep: how many of the last healthy releases, the one of record included; at least 1.
        pinned: releases that a person pinned.
        running: releases that are known to run, where the history does not say it.
        waiting: releases that came here after the last deploy, and were never deployed.
    """
    why: dict[str, list[str]] = {}

    def root(release: str, reason: str) -> None:
        if release:
            why.setdefault(release, []).append(reason)

    if record := journal.of_record(records):
        root(record.release, "of record")
    if target := journal.rollback_target(records):
        root(target.release, "rollback target")
    stack = list(dict.fromkeys(r.release for r in reversed(journal.healthy(records))))
    for number, release in enumerate(stack[:keep], start=1):
        root(release, f"healthy {number} of {keep}")
    if under_way := journal.cut_off(records):
        root(under_way.release, "under way")
    for reason, those in (("runs", running), ("pinned", pinned), ("not deployed yet", waiting)):
        for release in those:
            root(release, reason)
    return {release: tuple(reasons) for release, reasons in why.items()}


def needed_deployments(records: Sequence[Record], kept: Collection[str]) -> frozenset[int]:
    """The deployments whose files and values a rollback to a kept release would use."""
    needed = {r.deployment for r in journal.healthy(records) if r.release in kept}
    latest = {r.release: r.deployment for r in records if r.outcome == "deployed" and r.deployment}
    needed |= {number for release, number in latest.items() if release in kept}
    if record := journal.of_record(records):
        needed.add(record.deployment)
    if under_way := journal.cut_off(records):
        needed.add(under_way.deployment)
    return frozenset(needed)


def sweep(
    *,
    prefix: str,
    repositories: Collection[str],
    kept: Mapping[str, Release | None],
    built: Collection[str],
    images: Sequence[LocalImage],
    stored: Collection[str],
    deployments: Collection[int],
    needed: Collection[int],
) -> Sweep:
    """What goes: all that is ours and that no root needs.

    Args:
        prefix: of our local tags (`morphops/shop/`).
        repositories: that the bundle owns, with their registry.
        kept: the roots; None for one whose files are not here.
        built: references of the last build, which the next release is made of.
        images: on the engine.
        stored: releases in the state folder.
        deployments: in the state folder.
        needed: of these, the ones that a kept release needs.
    """
    shorts = {short(digest) for digest in kept}
    held = {str(image.ref) for release in kept.values() if release for image in release.images}
    held |= set(built)
    gone: list[str] = []
    at_most = 0
    for image in images:
        ours = {r for r in image.references if _is_ours(r, prefix, repositories)}
        tags = {r for r in ours if r.startswith(prefix)}
        live_tags = {tag for tag in tags if tag.rpartition(":")[2] in shorts}
        if image.used or live_tags or image.references & held:
            # The image stays. Tags of releases that go are let go all the same.
            going = tags - live_tags
            if not (live_tags or image.references - going):
                going = set()
        else:
            going = ours
            at_most += image.size if going == image.references else 0
        gone += going
    return Sweep(
        references=tuple(sorted(gone)),
        releases=tuple(sorted(set(stored) - kept.keys())),
        deployments=tuple(sorted(set(deployments) - set(needed))),
        at_most=at_most,
    )


def _is_ours(reference: str, prefix: str, repositories: Collection[str]) -> bool:
    repository = reference.partition("@")[0]
    if "@" not in reference:
        repository = reference.rpartition(":")[0]
    return reference.startswith(prefix) or repository in repositories
