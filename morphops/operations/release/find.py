"""Finds the release that `--image` means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from morphops.adapters.store.release_layout import is_complete, write_layout
from morphops.core.history.operations import deployment_of_record
from morphops.core.release import artifact
from morphops.core.release.digest import is_digest, parse_digest, parse_image_digest, short
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Release
from morphops.core.results.release import KnownRelease
from morphops.errors import InputError, NotFound, PreconditionError
from morphops.operations.pipeline import prepare
from morphops.operations.pipeline.prepare import stored
from morphops.operations.release.publish import derive
from morphops.site import Site


def stored_releases(site: Site, digest: str) -> Release | None:
    try:
        return prepare.stored(site, digest)
    except PreconditionError:
        return None


def full_digest(site: Site, digest: str) -> str:
    if is_digest(digest):
        return digest
    if found := beginning(site.state.releases(), digest):
        return found
    if digest.startswith("sha256:"):
        return parse_digest(digest, "release digest", hint="inv release.list")
    raise InputError(
        f"no release that is stored here begins with {digest!r} (12 digits at least)",
        state="nothing was changed",
        hint="inv release.list",
    )


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
        images: one bare digest (a release, or an image of exactly one repository), and any number
            of `name=sha256:…` that replace an image of it, or of the release of record.
        store: without this it is neither stored nor, where it is derived, pushed.

    Raises:
        InputError: nothing was named, or a tag, a malformed digest, an unknown image.
        NotFound: a digest that nobody has.
    """
    bare = [text for text in images if "=" not in text]
    replaced = split_images(text for text in images if "=" in text)
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
    digest = _whole(site, bare[0])
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
    except (NotFound, InputError):
        return None
    if store:
        keep(site, release)
    return release


def current(site: Site) -> Release:
    """The release of record.

    Raises:
        PreconditionError: there is none.
    """
    record = deployment_of_record(site.history.records())
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


def _whole(site: Site, text: str) -> str:
    """The digest that was typed; the digits that are shown are not enough to deploy by.

    Raises:
        InputError: it is none; where it begins one that is known here, with that.
    """
    meant = beginning(site.state.releases(), text)
    if meant and not is_digest(text):
        raise InputError(
            f"{text!r} is only the beginning of a digest, and a release is named by all of it",
            state="nothing was changed",
            hint=f"if you mean that release: --image={meant}",
        )
    return parse_digest(text, "release digest")


def beginning(known: Iterable[str], text: str) -> str:
    """The one of some digests that begins with what was typed, 12 digits at least; empty: none."""
    digits = text.removeprefix("sha256:")
    found = [d for d in known if len(digits) >= 12 and d.removeprefix("sha256:").startswith(digits)]
    return found[0] if len(found) == 1 else ""


def _image_of(site: Site, digest: str) -> str:
    """The one image whose repository has this digest."""
    names = [
        name
        for name, spec in site.bundle.images.items()
        if site.registry.has(spec.repository, digest)
    ]
    if not names:
        raise NotFound(
            f"nobody has {digest}: it is neither a release of {site.bundle.project} "
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


def split_images(images: Iterable[str]) -> dict[str, str]:
    named = {}
    for text in images:
        name, equals, ref = text.partition("=")
        if not equals or not name:
            raise InputError(f"{text!r}: write --image=NAME=sha256:<digest>")
        if not is_digest(ref):
            ImageRef.parse(ref) if "@" in ref else parse_image_digest(ref)
        named[name] = ref
    return named
