"""Puts a release together, pushes it, and keeps it here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from morphops.adapters.store.release_layout import write_layout
from morphops.core.bundle import generated, parse
from morphops.core.bundle.schema import Bundle
from morphops.core.release.artifact import decode, encode
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image, Release
from morphops.core.yaml_text import YamlText
from morphops.errors import EngineUnavailable, NotFound, RegistryError
from morphops.operations.pipeline.prepare import read_bundle
from morphops.site import BUNDLE, Site


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
        spec = bundle.images.get(name)
        repository = _own(site, name) if spec and spec.repository else before.ref.repository
        parsed = ImageRef.parse(ref if "@" in ref else f"{repository}@{ref}")
        images[name], kept = resolve_image(site, bundle, name, parsed)
        manifests |= kept
    if tuple(images.values()) == base.images:
        return base
    needed = {digest for image in images.values() for digest in (image.manifest, image.index)}
    sources = generated.sources_of(base.files, bundle)
    draft = Draft(
        images=list(images.values()),
        files=base.files,
        manifests={k: v for k, v in manifests.items() if k in needed},
        labels={**base.labels, "derived-from": base.digest},
        executable=base.executable,
        sources={name: source for name, source in sources.items() if name not in named},
    )
    return publish(site, draft, store=store)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a release is put together from.

    Attributes:
        images, manifests, labels, executable: see `encode`.
        files: path inside of the bundle → bytes; what this program generates is made again.
        sources: image → the name that it was resolved from.
    """

    images: Sequence[Image]
    files: Mapping[str, bytes]
    manifests: Mapping[str, bytes]
    labels: Mapping[str, str]
    executable: Collection[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)


def publish(site: Site, draft: Draft, *, store: bool = True) -> Release:
    """Put a release together, push it, and keep it here.

    Args:
        site: where.
        draft: what it is made from.
        store: without this it is neither pushed nor kept.

    Raises:
        ConfigError: what it carries does not fit.
        RegistryError: the registry is out of reach or refuses.
    """
    own = {name: data for name, data in draft.files.items() if not generated.is_generated(name)}
    bundle = parse.parse_bundle(own[BUNDLE].decode(), BUNDLE)
    texts = {name: YamlText(name, own[name].decode()) for name in bundle.files()}
    artifact = encode(
        project=site.bundle.project,
        images=draft.images,
        files={**own, **generated.overrides(bundle, texts, draft.images, draft.sources)},
        manifests=draft.manifests,
        labels=draft.labels,
        executable=draft.executable,
    )
    release = decode(artifact.digest, artifact.manifest, artifact.blobs.__getitem__)
    read_bundle(release)  # what cannot be read back is not published
    if not store:
        return release
    site.registry.push_release(artifact, site.bundle.releases)
    site.registry.hold(release, site.bundle.owns)
    write_layout(artifact, site.state.release(artifact.digest))
    return release


def resolve_image(
    site: Site, bundle: Bundle, name: str, ref: ImageRef
) -> tuple[Image, Mapping[str, bytes]]:
    """What a release records of an image, for the platform that the bundle or the engine says.

    Args:
        site: where.
        bundle: of the release.
        name: the image's name in it.
        ref: what is pulled.

    Raises:
        EngineUnavailable: the bundle says no platform, and no engine answers.
        InputError: it is not an image, or not for the platform.
        RegistryError, NotFound: the registry does not answer, or lacks it.
    """
    registry = site.registry_at(ref.host)
    platform = bundle.platform or _engine_platform(site)
    own = ref.host == site.bundle.registry
    try:
        return registry.resolve_image(name, ref, platform)
    except NotFound as err:
        build = "inv build   (builds and pushes it); or " if own and bundle.build else ""
        hint = f"{build}see whether the digest and the repository {ref.repository} are right"
        raise err.with_(state="nothing was changed", hint=hint) from None
    except RegistryError as err:
        # What is said of this machine's registry is about that of the bundle.
        other = not own and err.hint == "inv registry.up"
        hint = f"see whether the registry at {ref.host} runs" if other else err.hint
        raise err.with_(state=err.state or "nothing was changed", hint=hint) from None


def _engine_platform(site: Site) -> str:
    try:
        return site.platform.images.platform()
    except EngineUnavailable as err:
        raise err.with_(
            state="nothing was changed",
            hint="start the engine; or set `platform:` in the bundle (linux/amd64)",
        ) from None


def _own(site: Site, name: str) -> str:
    return site.bundle.repository(name)
