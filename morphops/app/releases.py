"""Making releases, and finding the one that somebody means."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from morphops import config, oci
from morphops.app.scene import read_bundle, stored
from morphops.app.site import BUNDLE, Site
from morphops.errors import ConfigError, InputError, NotFound, PreconditionError
from morphops.journal import of_record
from morphops.layout import is_complete, write_layout
from morphops.model import (
    Image,
    ImageRef,
    Release,
    is_digest,
    parse_digest,
    parse_image_digest,
    short,
)
from morphops.registry import Registry
from morphops.state import read_table

_RUNBOOKS = "runbooks"  # their folder inside of a release


def create(site: Site, images: Sequence[str], labels: Sequence[str]) -> Release:
    """Put a release together from the working tree and push it.

    Args:
        site: where.
        images: `name=sha256:…` or `name=repository@sha256:…`; for what is not named, the digest
            of the last build.
        labels: `key=value`, kept in the release.

    Raises:
        InputError: an unknown image, a malformed digest, an image that nobody named or built.
        ConfigError: the bundle, the schema or a file of it is wrong.
        RegistryError, NotFound: the registry does not answer, or lacks an image.
    """
    bundle = site.bundle
    named = _named(bundle.images, images)
    refs = {}
    built = last_build(site)
    for name in bundle.images:
        ref = named.get(name) or built.get(name)
        if ref is None:
            raise InputError(
                f"image {name} was neither named nor built here",
                hint=f"inv build   (or --image={name}=sha256:<digest>)",
            )
        refs[name] = ref if "@" in ref else f"{bundle.repository(name)}@{ref}"
    resolved = {name: _resolve_image(site, name, ImageRef.parse(ref)) for name, ref in refs.items()}
    return _publish(
        site,
        images=[image for image, _ in resolved.values()],
        files=working_files(site),
        manifests={k: v for _, kept in resolved.values() for k, v in kept.items()},
        labels={**_revision(site), **_pairs(labels)},
    )


def derive(site: Site, base: Release, named: Mapping[str, str], *, store: bool = True) -> Release:
    """A release like another, with some images replaced; the same one where they are its own.

    Args:
        site: where.
        base: the other.
        named: image → reference or digest.
        store: push it and keep it here; without this it is only known to the caller.

    Raises:
        InputError: an image that the release does not have.
    """
    bundle, _ = read_bundle(base)
    images = {image.name: image for image in base.images}
    manifests = dict(base.manifests)
    for name, ref in named.items():
        before = base.image(name)
        repository = before.ref.repository if name not in bundle.images else _own(site, name)
        parsed = ImageRef.parse(ref if "@" in ref else f"{repository}@{ref}")
        images[name], kept = _resolve_image(site, name, parsed)
        manifests |= kept
    if tuple(images.values()) == base.images:
        return base
    needed = {digest for image in images.values() for digest in (image.manifest, image.index)}
    return _publish(
        site,
        images=list(images.values()),
        files=base.files,
        manifests={k: v for k, v in manifests.items() if k in needed},
        labels={**base.labels, "derived-from": base.digest},
        store=store,
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
    replaced = _split(text for text in images if "=" in text)
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
    record = of_record(site.history.records())
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
    write_layout(oci.encode_release(release), site.state.release(release.digest))


def working_files(site: Site) -> dict[str, bytes]:
    """The operating files of the working tree, as a release carries them.

    Raises:
        ConfigError: one that the bundle names is missing, or the schema is wrong.
    """
    bundle = site.bundle
    paths = {name: site.folder / name for name in (BUNDLE, *bundle.files(), bundle.env.schema)}
    # How the release is operated goes with it; a stack without runbooks has none here either.
    folder = site.folder / bundle.runbooks
    paths |= {f"{_RUNBOOKS}/{path.name}": path for path in sorted(folder.glob("*.md"))}
    files = {}
    for name, path in paths.items():
        try:
            files[name] = path.read_bytes()
        except OSError as err:
            raise ConfigError(f"{path}: {err.strerror}") from None
    config.parse_env_schema(files[bundle.env.schema].decode(), bundle.env.schema)
    return files


def last_build(site: Site) -> dict[str, str]:
    """Image name → reference of the last `inv build`.

    Raises:
        PreconditionError: the file that says so is broken.
    """
    path = site.state.root / "build.json"
    return read_table(path, hint=f"inv build   (writes it anew), or remove {path}").get(
        "images", {}
    )


def known(site: Site) -> tuple[dict[str, Any], ...]:
    """The releases that are stored here, those of the history last, newest last."""
    records = site.history.records()
    order = {record.release: number for number, record in enumerate(records)}
    last = {record.release: record for record in records}
    return tuple(
        {
            "release": digest,
            "last": last[digest].began if digest in last else "",
            "outcome": last[digest].outcome if digest in last else "",
        }
        for digest in sorted(site.state.releases(), key=lambda d: order.get(d, -1))
    )


def _known(site: Site) -> list[str]:
    return [f"{row['release']}  {row['outcome'] or 'not deployed yet'}" for row in known(site)]


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


def _publish(
    site: Site,
    *,
    images: Sequence[Image],
    files: Mapping[str, bytes],
    manifests: Mapping[str, bytes],
    labels: Mapping[str, str],
    store: bool = True,
) -> Release:
    artifact = oci.encode(
        project=site.bundle.project,
        images=images,
        files=files,
        manifests=manifests,
        labels=labels,
    )
    release = oci.decode(artifact.digest, artifact.manifest, artifact.blobs.__getitem__)
    read_bundle(release)  # what cannot be read back is not published
    if not store:
        return release
    site.registry.push_release(artifact, site.bundle.releases)
    site.registry.hold(release, site.bundle.owns)
    write_layout(artifact, site.state.release(artifact.digest))
    return release


def _resolve_image(site: Site, name: str, ref: ImageRef) -> tuple[Image, Mapping[str, bytes]]:
    registry = Registry(ref.host, stalled_after=site.bundle.pull.stalled_after)
    return registry.resolve_image(name, ref)


def _own(site: Site, name: str) -> str:
    return site.bundle.repository(name)


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


def _named(known_images: Mapping[str, Any], images: Sequence[str]) -> dict[str, str]:
    named = _split(images)
    for name in named:
        if name not in known_images:
            raise InputError(
                f"no image {name!r} in the bundle (it has: {', '.join(known_images)})",
                state="nothing was changed",
            )
    return named


def _split(images: Any) -> dict[str, str]:
    named = {}
    for text in images:
        name, equals, ref = text.partition("=")
        if not equals or not name:
            raise InputError(f"{text!r}: write --image=NAME=sha256:<digest>")
        if not is_digest(ref):
            ImageRef.parse(ref) if "@" in ref else parse_image_digest(ref)
        named[name] = ref
    return named


def _pairs(labels: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise InputError(f"{text!r}: write --label=KEY=VALUE")
        pairs[key] = value
    return pairs


def _revision(site: Site) -> dict[str, str]:
    """The commit of the working tree, where it is one."""
    revision = git(site, "rev-parse", "HEAD")
    return {"revision": revision} if revision else {}


def git(site: Site, *words: str) -> str:
    """What git says of the working tree; empty where there is no git or no checkout."""
    try:
        said = subprocess.run(
            ["git", "-C", str(site.folder), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def as_json(release: Release) -> dict[str, Any]:
    """A release as `--json` shows it."""
    return {
        "release": release.digest,
        "project": release.project,
        "images": {
            image.name: {
                **{k: v for k, v in dataclasses.asdict(image).items() if k not in ("name", "ref")},
                "ref": str(image.ref),
            }
            for image in release.images
        },
        "files": sorted(release.files),
        "labels": dict(release.labels),
    }
