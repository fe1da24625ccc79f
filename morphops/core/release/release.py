"""A release and its images, as frozen values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from morphops.core.release.digest import short
from morphops.core.release.reference import ImageRef
from morphops.errors import InputError


@dataclass(frozen=True, slots=True)
class Image:
    """What a release records of one image.

    Attributes:
        name: the image's name in the bundle (`server`).
        ref: what is pulled; its digest is that of the index where there is one, else the manifest.
        manifest: digest of the platform's manifest.
        config: digest of the image's configuration, which is the image ID in the overlay2 store.
        platform: `os/architecture[/variant]`.
    """

    name: str
    ref: ImageRef
    manifest: str
    config: str
    platform: str

    @property
    def index(self) -> str | None:
        """The index's digest where the image was released as an index."""
        return self.ref.digest if self.ref.digest != self.manifest else None


@dataclass(frozen=True, slots=True)
class Release:
    """A complete, immutable set of images and operating files; its digest is its name.

    Attributes:
        digest: digest of the OCI manifest that holds all of this.
        project: the bundle's project.
        images: by name, sorted.
        files: path inside the bundle → bytes (compose files, bundle, env schema, runbooks).
        manifests: digest → bytes of the image manifests and indexes, kept so that an identity can
            be verified where no registry is.
        labels: revision, version and the like; what `release.create` was told.
        executable: the names of the files that may be executed.
    """

    digest: str
    project: str
    images: tuple[Image, ...]
    files: Mapping[str, bytes]
    manifests: Mapping[str, bytes] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()

    @property
    def short(self) -> str:
        """The first 12 hex digits of the name."""
        return short(self.digest)

    def image(self, name: str) -> Image:
        """The image of that name.

        Raises:
            InputError: the release has no such image.
        """
        for image in self.images:
            if image.name == name:
                return image
        known = ", ".join(image.name for image in self.images)
        raise InputError(f"release {self.short} has no image {name!r} (it has: {known})")
