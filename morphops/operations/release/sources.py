"""Resolves the images of other registries: the names that compose files have become digests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from morphops.adapters.store.release_layout import is_complete
from morphops.core.bundle import generated
from morphops.core.bundle.schema import Bundle
from morphops.core.history import operations
from morphops.core.release.digest import is_digest
from morphops.core.release.reference import ImageRef, SourceRef
from morphops.core.release.release import Release
from morphops.core.results.release import ResolvedSource
from morphops.errors import NotFound, PreconditionError, RegistryError
from morphops.operations.pipeline.prepare import read_bundle
from morphops.operations.release.find import stored_releases
from morphops.site import Site

_Earlier: TypeAlias = Sequence[tuple[Release, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Source:
    """An image of another registry.

    Attributes:
        name: in the bundle.
        asked: what was resolved, as it was written.
        ref: what that is now.
    """

    name: str
    asked: SourceRef
    ref: ImageRef


def resolve(site: Site, bundle: Bundle, named: Mapping[str, str]) -> tuple[Source, ...]:
    """The images of a bundle that have a source, by digest.

    Args:
        site: where.
        bundle: names them.
        named: image → digest, `repository@digest` or `repository:tag` that replaces its source.

    Raises:
        InputError: a malformed name.
        RegistryError, NotFound: a registry does not answer, or lacks one.
    """
    return tuple(_resolved(site, bundle, name, named.get(name, "")) for name in with_source(bundle))


def with_source(bundle: Bundle) -> tuple[str, ...]:
    """The names of the images that have a source."""
    return tuple(name for name, spec in bundle.images.items() if spec.source)


def _resolved(site: Site, bundle: Bundle, name: str, named: str) -> Source:
    source = bundle.images[name].source
    text = f"{SourceRef.parse(source).repository}@{named}" if is_digest(named) else named or source
    asked = SourceRef.parse(text)
    if asked.digest:
        return Source(name, asked, ImageRef(asked.repository, asked.digest))
    try:
        digest = site.registry_at(asked.host).digest_of_tag(asked.path, asked.tag)
    except (NotFound, RegistryError) as err:
        missing = isinstance(err, NotFound)
        raise err.with_(
            what=f"image {name}: {asked} has no digest: "
            + (f"{asked.host} does not have it" if missing else err.what),
            state="nothing was changed",
            hint=f"an image that only an engine has cannot be released: push it to a registry, "
            f"or name another one: --image={name}=<repository>:<tag>"
            if missing
            else f"docker login {asked.host}, where it asks who you are; or name one that can be "
            f"reached: --image={name}=<repository>@sha256:<digest>",
        ) from None
    return Source(name, asked, ImageRef(asked.repository, digest))


def compared(site: Site, found: Sequence[Source]) -> tuple[ResolvedSource, ...]:
    """Each with what the last release has of it: the newest one here, else the one of record."""
    before = list(_before(site)) if found else []
    return tuple(_compared(source, before) for source in found)


def refuse_moved(rows: Iterable[ResolvedSource]) -> None:
    """Refuse tags that name another image than in the last release.

    Raises:
        PreconditionError: there is one; with the old and the new digest of each.
    """
    moved = [row for row in rows if row.moved]
    if moved:
        raise PreconditionError(
            f"{', '.join(row.source for row in moved)}: the tag names another image than in the "
            "last release, and --frozen was given",
            detail=tuple(f"{row.image}: {row.previous} then, {row.digest} now" for row in moved),
            state="nothing was changed",
            hint="take it: the same command without --frozen; or keep the old one: "
            + " ".join(f"--image={row.image}={row.previous}" for row in moved),
        )


def _compared(source: Source, before: _Earlier) -> ResolvedSource:
    text, name = str(source.asked), source.name
    had = next(
        ((release.image(name).ref.digest, said[name]) for release, said in before if name in said),
        ("", ""),
    )
    return ResolvedSource(
        image=name,
        source=text,
        digest=source.ref.digest,
        previous=had[0],
        changed=bool(had[0]) and had[0] != source.ref.digest,
        moved=had[1] == text and had[0] != source.ref.digest,
    )


def _before(site: Site) -> Iterator[tuple[Release, Mapping[str, str]]]:
    """The newest release that is kept here, and the one of record, with their sources."""
    kept = [site.state.release(digest) for digest in site.state.releases()]
    newest = max(
        (folder for folder in kept if is_complete(folder)),
        key=lambda folder: (folder / "index.json").stat().st_mtime_ns,
        default=None,
    )
    record = operations.deployment_of_record(site.history.past())
    digests = [f"sha256:{newest.name}"] if newest else []
    digests += [record.release] if record else []
    for digest in dict.fromkeys(digests):
        if release := stored_releases(site, digest):
            bundle, _ = read_bundle(release)
            yield release, generated.sources_of(release.files, bundle)
