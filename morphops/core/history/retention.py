"""What is kept and what may go: reachability from roots. Pure; decides, removes nothing.

Roots are what runs, the release of record, where rollbacks go, the last healthy releases (what was
rolled back from is one of them), what is pinned, what is under way, what was tried since and will
be tried again, and what is here to be deployed next. Everything that a root needs is kept: its
image references, its files, and the values of the deployments that a rollback would use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from morphops.core.history import operations
from morphops.core.history.operations import Record
from morphops.core.release.digest import short
from morphops.core.release.release import Release
from morphops.core.stack import Instance, LocalImage

_HOLDS = "morphops/"  # local tags by which the projects of an engine hold images

_STOPPED = ("created", "exited", "dead")


@dataclass(frozen=True, slots=True)
class Garbage:
    """What goes.

    Attributes:
        references: image references to let go; an image without any is gone.
        untagged: images that we built and that have lost every name, by id.
        releases: digests of stored releases.
        deployments: numbers of stored deployments.
        containers: stopped ones that no service of the stack is, by id.
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
        keep: how many of the last healthy releases, the one of record included, and how many of
            those that rollbacks would go through one after the other; at least 1.
        pinned: releases that a person pinned.
        running: releases that are known to run, where the history does not say it.
        waiting: releases that came here after the last deploy, and were never deployed.
    """
    why: dict[str, list[str]] = {}

    def root(release: str, reason: str) -> None:
        if release and reason not in (reasons := why.setdefault(release, [])):
            reasons.append(reason)

    if record := operations.deployment_of_record(records):
        root(record.release, "of record")
    if target := operations.previous_deployment(records):
        root(target.release, "rollback target")
    lasting = operations.last_healthy(records)[:keep]
    for number, release in enumerate(lasting, start=1):
        root(release, f"healthy {number} of {keep}")
    stack = list(dict.fromkeys(r.release for r in reversed(operations.deployment_stack(records))))
    for release in stack[:keep]:
        if release not in why:
            root(release, "further rollback target")
    for attempt in _attempts(records):
        last = attempt == operations.failed_attempts(records)[-1]
        root(attempt.release, "tried last" if last else "failed, and may run")
    if under_way := operations.incomplete_operation(records):
        root(under_way.release, "under way")
    for reason, those in (
        ("runs", running),
        ("pinned", pinned),
        ("came after the last deploy", waiting),
    ):
        for release in those:
            root(release, reason)
    return {release: tuple(reasons) for release, reasons in why.items()}


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


def garbage(
    *,
    project: str,
    prefix: str,
    repositories: Collection[str],
    kept: Mapping[str, Release | None],
    built: Collection[str],
    images: Sequence[LocalImage],
    stored: Collection[str],
    deployments: Collection[int],
    needed: Collection[int],
    containers: Sequence[Instance] = (),
    services: Collection[str] = (),
) -> Garbage:
    """What goes: all that is ours and that no root needs.

    Args:
        project: ours.
        prefix: of our local tags (`morphops/shop/`).
        repositories: that the bundle owns, with their registry.
        kept: the roots; None for one whose files are not here.
        built: references of the last build, which the next release is made of.
        images: on the engine.
        stored: releases in the state folder.
        deployments: in the state folder.
        needed: of these, the ones that a kept release needs.
        containers: of the project.
        services: of the stack; what one of them left behind stays for whoever looks into it.
    """
    shorts = {short(digest) for digest in kept}
    held = {str(image.ref) for release in kept.values() if release for image in release.images}
    held |= set(built)
    # By one of these the engine names an image, as its store goes.
    ids = {
        digest
        for release in kept.values()
        if release
        for its in release.images
        for digest in (its.ref.digest, its.manifest, its.config)
    }
    ids |= {reference.rpartition("@")[2] for reference in built}
    gone: list[str] = []
    nameless: list[str] = []
    at_most = 0
    for image in images:
        if not image.references:
            if image.project == project and not image.used and image.id not in ids:
                nameless.append(image.id)
                at_most += image.size
            continue
        ours = {r for r in image.references if _is_ours(r, prefix, repositories)}
        tags = {r for r in ours if r.startswith(prefix)}
        live_tags = {tag for tag in tags if tag.rpartition(":")[2] in shorts}
        # Another project that holds it finds it by its digest as well.
        shared = any(r.startswith(_HOLDS) and not r.startswith(prefix) for r in image.references)
        if image.used or live_tags or shared or image.references & held:
            # The image stays. Tags of releases that go are let go all the same.
            going = tags - live_tags
            if not (live_tags or image.references - going):
                going = set()
        else:
            going = ours
            at_most += image.size if going == image.references else 0
        gone += going
    return Garbage(
        references=tuple(sorted(gone)),
        untagged=tuple(sorted(nameless)),
        releases=tuple(sorted(set(stored) - kept.keys())),
        deployments=tuple(sorted(set(deployments) - set(needed))),
        containers=tuple(
            c.id for c in containers if c.state in _STOPPED and c.service not in services
        ),
        at_most=at_most,
    )


def _is_ours(reference: str, prefix: str, repositories: Collection[str]) -> bool:
    repository = reference.partition("@")[0]
    if "@" not in reference:
        repository = reference.rpartition(":")[0]
    return reference.startswith(prefix) or repository in repositories
