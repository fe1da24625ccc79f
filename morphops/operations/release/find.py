"""Finds the release that `--image` means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from morphops.adapters.store.release_layout import is_complete, write_layout
from morphops.core.history.operations import deployment_of_record
from morphops.core.release import artifact
from morphops.core.release.digest import (
    expand_known,
    is_digest,
    parse_digest,
    parse_image_digest,
    short,
)
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Release
from morphops.core.results.release import KnownRelease
from morphops.errors import InputError, NotFound, OtherKind, PreconditionError
from morphops.operations.pipeline import prepare
from morphops.operations.pipeline.prepare import stored
from morphops.operations.release.publish import derive
from morphops.site import Site


def stored_releases(site: Site, digest: str) -> Release | None:
    try:
        return prepare.stored(site, digest)
    except PreconditionError:
        return None


def full_digest(site: Site, digest: str, hint: str = "inv release.list") -> str:
    """The release digest that a person may have shortened; see `core.release.digest`.

    Raises:
        InputError: no release that is known here begins so, or several do.
    """
    return expand_known(digest, _known_digests(site), "release digest", hint)


def not_stored(digest: str) -> PreconditionError:
    return PreconditionError(
        f"release {digest} is not stored here",
        state="nothing was changed",
        hint="inv release.list; inv pull --image=sha256:<release>",
    )


def resolve(site: Site, images: Sequence[str], *, store: bool = True) -> Release:
    """The release that `--image` means, stored in the state folder with all of its files.

    Args:
        site: where.
        images: one bare digest: a release, or an image of exactly one repository. And any number
            of `name=sha256:…` that replace an image of it, or of the release of record.
        store: without this it is neither stored nor, where it is derived, pushed.

    Raises:
        InputError: nothing was named, or a tag, a malformed digest, an unknown image.
        NotFound: a digest that does not exist.
    """
    bare = [text for text in images if "=" not in text]
    replaced = split_images((text for text in images if "=" in text), _image_digests(site))
    if not images:
        raise InputError(
            "which release? --image=sha256:<digest> is missing",
            detail=tuple(_known(site)) or ("no release is known here yet",),
            state="nothing was changed",
            hint="inv deploy --image=sha256:<digest>   (inv release.create makes one)",
        )
    if len(bare) > 1:
        raise InputError(f"one release at a time: {' and '.join(bare)} were named")
    if not bare:
        return derive(site, current(site), replaced, store=store)
    digest = parse_digest(bare[0], "release digest", known=_known_digests(site))
    release = find(site, digest, store=store)
    if release is None:
        name = _image_of(site, digest)
        return derive(site, current(site), {name: digest, **replaced}, store=store)
    return derive(site, release, replaced, store=store) if replaced else release


def find(site: Site, digest: str, *, store: bool = True) -> Release | None:
    """A release by its digest: from the state folder, else from the registry, and then stored.

    Raises:
        RegistryError: it is not here, and the registry does not answer.
    """
    if is_complete(site.state.release(digest)):
        return stored(site, digest)
    try:
        release = site.registry.pull_release(site.bundle.releases, digest)
    except (NotFound, OtherKind):
        return None
    if store:
        keep(site, release)
    return release


def current(site: Site) -> Release:
    """The release of record.

    Raises:
        PreconditionError: there is none.
    """
    record = deployment_of_record(site.history.past())
    if record is None:
        raise PreconditionError(
            "there is no release of record here to replace an image of",
            state="nothing was changed",
            hint="inv deploy --image=sha256:<release>",
        )
    return stored(site, record.release)


def keep(site: Site, release: Release) -> None:
    """Store a release in the state folder, whole."""
    site.state.ensure()
    write_layout(artifact.encode_release(release), site.state.release(release.digest))


def known(site: Site) -> tuple[KnownRelease, ...]:
    """The releases that are stored here, those of the history last, newest last."""
    records = site.history.records()
    order = {record.release: number for number, record in enumerate(records)}
    last = {record.release: record for record in records}
    return tuple(
        KnownRelease(
            release=digest,
            last=last[digest].began if digest in last else "",
            outcome=last[digest].outcome if digest in last else "",
        )
        for digest in sorted(site.state.releases(), key=lambda d: order.get(d, -1))
    )


def _known(site: Site) -> list[str]:
    return [f"{row.release}  {row.outcome or 'not deployed yet'}" for row in known(site)]


def _known_digests(site: Site) -> Iterator[str]:
    """The digests of the releases that are stored here, or stand in the history."""
    yield from site.state.releases()
    yield from (record.release for record in site.history.records() if record.release)


def _image_digests(site: Site) -> Iterator[str]:
    """The digests of the images of the releases that are stored here."""
    for digest in site.state.releases():
        if release := stored_releases(site, digest):
            yield from (image.ref.digest for image in release.images)


def _image_of(site: Site, digest: str) -> str:
    """The one image whose repository has this digest."""
    names = [
        name
        for name, spec in site.bundle.images.items()
        if site.registry.has(spec.repository, digest)
    ]
    if not names:
        raise NotFound(
            f"{digest} does not exist: it is neither a release of {site.bundle.project} "
            "nor one of its images",
            detail=tuple(_known(site)),
            state="nothing was changed",
            hint="inv deploy   (lists the releases that are known here)",
        )
    if len(names) > 1:
        raise InputError(
            f"{short(digest)} is an image of {' and '.join(names)}",
            hint=f"--image={names[0]}={digest}",
        )
    return names[0]


def split_images(images: Iterable[str], known: Iterable[str] = ()) -> dict[str, str]:
    """Image name → reference or digest, of texts `NAME=…`.

    Args:
        images: the texts.
        known: digests of images, of which an error names the one that was shortened; only read
            where a digest is malformed.

    Raises:
        InputError: a text is not of that form, or a digest is malformed.
    """
    named = {}
    for text in images:
        name, equals, ref = text.partition("=")
        if not equals or not name:
            raise InputError(f"{text!r}: write --image=NAME=sha256:<digest>")
        if not is_digest(ref):
            ImageRef.parse(ref) if "@" in ref else parse_image_digest(ref, known)
        named[name] = ref
    return named
