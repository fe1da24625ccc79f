"""What is kept and what may go: reachability from roots. It decides, and removes nothing.

The roots are:

- what runs, and the release of record
- where rollbacks go, and the last healthy releases (what was rolled back from is one of them)
- what is pinned, and what is under way
- what was tried since and will be tried again, and what is here to be deployed next

Everything that a root needs is kept: its image references, its files, and the values of the
deployments that a rollback would use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from morphops.core.history import operations
from morphops.core.history.operations import Record
from morphops.core.release.digest import short
from morphops.core.release.reference import hold_of, repository_of
from morphops.core.release.release import Release
from morphops.core.stack import Instance, LocalImage

_STOPPED = ("created", "exited", "dead")


@dataclass(frozen=True, slots=True)
class Garbage:
    """What goes.

    Attributes:
        references: image references to remove; an image without any is gone.
        untagged: images that we built and that have lost every name, by id.
        releases: digests of stored releases.
        deployments: numbers of stored deployments.
        containers: stopped ones of no service of the stack, by id.
        at_most: bytes of the images that lose all of their references.
    """

    references: tuple[str, ...] = ()
    untagged: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    deployments: tuple[int, ...] = ()
    containers: tuple[str, ...] = ()
    at_most: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing goes."""
        return not (
            self.references or self.untagged or self.releases or self.deployments or self.containers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is there.

    Attributes:
        images: on the engine.
        releases: digests of the releases in the state folder.
        deployments: numbers of the deployments in the state folder.
        containers: of the project.
    """

    images: Sequence[LocalImage]
    releases: Collection[str]
    deployments: Collection[int]
    containers: Sequence[Instance] = ()


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an image.

    Attributes:
        references: of its references those that go.
        untagged: it has no reference, and goes as it is.
        frees: bytes that this frees at most; 0 where the image stays.
    """

    references: frozenset[str] = frozenset()
    untagged: bool = False
    frees: int = 0


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is kept, and what is ours at all.

    Attributes:
        project: ours.
        repositories: that the bundle owns, with their registry.
        services: of the stack; the containers that one of them left stay, for debugging.
        releases: the roots; None for one whose files are not here.
        built: references of the last build, which the next release is made of.
        deployments: the numbers of those that a kept release needs.
    """

    project: str
    repositories: Collection[str]
    releases: Mapping[str, Release | None]
    deployments: Collection[int]
    built: Collection[str] = ()
    services: Collection[str] = ()

    def fate(self, image: LocalImage) -> Fate:
        """What becomes of an image."""
        if not image.references:
            goes = image.project == self.project and not image.used and image.id not in self._ids
            return Fate(untagged=goes, frees=image.size if goes else 0)
        holds = {r: hold for r in image.references if (hold := hold_of(r))}
        own = {r: hold for r, hold in holds.items() if hold.project == self.project}
        live = frozenset(r for r, hold in own.items() if hold.release in self._shorts)
        # Another project that holds it finds it by its digest as well.
        if not (live or len(own) < len(holds) or self._is_needed(image)):
            ours = frozenset(r for r in image.references if r in own or self._is_ours(r))
            return Fate(ours, frees=image.size if ours == image.references else 0)
        # The image stays. Tags of releases that go are removed anyway, but never all names.
        going = frozenset(own) - live
        return Fate(going - self._last_names(image, going))

    def _is_needed(self, image: LocalImage) -> bool:
        """Whether a container, a kept release or the last build needs an image."""
        return image.used or bool(image.references & self._held)

    def _is_ours(self, reference: str) -> bool:
        repository = repository_of(reference)
        return repository in self.repositories or repository.startswith(f"morphops/{self.project}/")

    def _last_names(self, image: LocalImage, going: Collection[str]) -> frozenset[str]:
        """Those of the tags that go without which an image that stays would not be found.

        With the last tag of a repository its `repository@digest` is gone, too (moby, ImageDelete).
        """
        digests = {repository_of(r) for r in image.references & self._held}
        stay = {repository_of(r) for r in image.references if "@" not in r and r not in going}
        if not image.references - set(going):
            return frozenset(going)
        return frozenset(r for r in going if repository_of(r) in digests - stay)

    @cached_property
    def _shorts(self) -> frozenset[str]:
        """By these the local tags of kept releases end."""
        return frozenset(map(short, self.releases))

    @cached_property
    def _held(self) -> frozenset[str]:
        """The references of the images of kept releases, and of the last build."""
        known = (release for release in self.releases.values() if release)
        images = {str(image.ref) for release in known for image in release.images}
        return frozenset(images | set(self.built))

    @cached_property
    def _ids(self) -> frozenset[str]:
        """The digests by one of which the engine names each of these, depending on its store."""
        known = (release for release in self.releases.values() if release)
        digests = {
            digest
            for release in known
            for image in release.images
            for digest in (image.ref.digest, image.manifest, image.config)
        }
        return frozenset(digests | {reference.rpartition("@")[2] for reference in self.built})


def garbage(there: Inventory, kept: Kept) -> Garbage:
    """What goes: all that is ours and that no root needs."""
    fates = [(image, kept.fate(image)) for image in there.images]
    return Garbage(
        references=tuple(sorted(r for _, fate in fates for r in fate.references)),
        untagged=tuple(sorted(image.id for image, fate in fates if fate.untagged)),
        releases=tuple(sorted(set(there.releases) - kept.releases.keys())),
        deployments=tuple(sorted(set(there.deployments) - set(kept.deployments))),
        containers=tuple(
            container.id
            for container in there.containers
            if container.state in _STOPPED and container.service not in kept.services
        ),
        at_most=sum(fate.frees for _, fate in fates),
    )


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
        keep: how many of the last healthy releases, the one of record included. As many are kept
            of those that rollbacks would go through one after the other. At least 1.
        pinned: releases that a person pinned.
        running: releases that are known to run, where the history does not say it.
        waiting: releases that came here after the last deploy, and were never deployed.
    """
    why: dict[str, list[str]] = {}

    def add(found: Iterable[tuple[str, str]]) -> None:
        for release, reason in found:
            if release and reason not in (reasons := why.setdefault(release, [])):
                reasons.append(reason)

    add(_healthy(records, keep))
    stack = dict.fromkeys(r.release for r in reversed(operations.deployment_stack(records)))
    further = [release for release in list(stack)[:keep] if release not in why]
    add((release, "further rollback target") for release in further)
    add(_unfinished(records))
    add((release, "runs") for release in running)
    add((release, "pinned") for release in pinned)
    add((release, "came after the last deploy") for release in waiting)
    return {release: tuple(reasons) for release, reasons in why.items()}


def _healthy(records: Sequence[Record], keep: int) -> Iterator[tuple[str, str]]:
    """The release of record, the one that a rollback goes to, and the last healthy ones."""
    if record := operations.deployment_of_record(records):
        yield record.release, "of record"
    if target := operations.previous_deployment(records):
        yield target.release, "rollback target"
    for number, release in enumerate(operations.last_healthy(records)[:keep], start=1):
        yield release, f"healthy {number} of {keep}"


def _unfinished(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """What was tried since the deployment of record, and what is under way."""
    attempts = _attempts(records)
    for attempt in attempts:
        last = attempt == attempts[-1]
        yield attempt.release, "tried last" if last else "failed, and may run"
    if under_way := operations.incomplete_operation(records):
        yield under_way.release, "under way"


def needed_deployments(records: Sequence[Record], kept: Collection[str]) -> frozenset[int]:
    """The deployments whose files and values are needed.

    A rollback to a kept release would use them, or what runs may be of them.
    """
    needed = {r.deployment for r in operations.deployment_stack(records) if r.release in kept}
    latest = {r.release: r.deployment for r in records if r.outcome == "deployed" and r.deployment}
    needed |= {number for release, number in latest.items() if release in kept}
    if record := operations.deployment_of_record(records):
        needed.add(record.deployment)
    if under_way := operations.incomplete_operation(records):
        needed.add(under_way.deployment)
    needed |= {attempt.deployment for attempt in _attempts(records)}
    return frozenset(needed)


def _attempts(records: Sequence[Record]) -> tuple[Record, ...]:
    """Of what came to nothing since the deployment of record, what is still of use.

    The last is what will be tried again; of one that failed and was not undone, containers may run.
    """
    tried = operations.failed_attempts(records)
    return tuple(r for r in tried if r.outcome == "failed" or r is tried[-1])
