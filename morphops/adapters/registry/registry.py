"""Releases and images in a registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from morphops.adapters.registry import RegistryClient
from morphops.core.release.artifact import Artifact, children, decode
from morphops.core.release.digest import short
from morphops.core.release.image_manifest import describe_image
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image, Release
from morphops.errors import NotFound

_SILENCE = 60.0  # seconds


class Registry:
    """One registry.

    Args:
        host: `host[:port]`; plain HTTP on loopback, HTTPS elsewhere.
        stalled_after: seconds in which nothing comes, after which a request is given up.
    """

    def __init__(self, host: str, *, stalled_after: float = _SILENCE) -> None:
        self.host = host
        self._client = RegistryClient(host, stalled_after=min(_SILENCE, stalled_after))

    def ping(self) -> None:
        """Ask whether it is there.

        Raises:
            RegistryError: it is not.
        """
        self._client.ping()

    def resolve_image(
        self, name: str, ref: ImageRef, platform: str
    ) -> tuple[Image, Mapping[str, bytes]]:
        """Return what a release records of an image, and the bytes of its manifests.

        Raises:
            NotFound: the registry does not have it.
            InputError: it is not an image, or not for the platform.
            IntegrityError: the registry answers with other bytes.
        """
        return describe_image(
            name,
            ref,
            platform,
            manifest=lambda digest: self._manifest(ref.path, digest),
            blob=lambda digest: self._client.read_blob(ref.path, digest),
        )

    def digest_of_tag(self, repository: str, tag: str) -> str:
        """Return the digest of the manifest or index that a tag names now.

        Args:
            repository: without the host.
            tag: its name.

        Raises:
            NotFound: the registry does not have it.
            RegistryError: it is out of reach or refuses.
        """
        return self._client.get_manifest(repository, tag).digest

    def has(self, repository: str, digest: str) -> bool:
        """Tell whether a repository (without the host) has a manifest of this digest."""
        try:
            self._manifest(repository, digest)
        except NotFound:
            return False
        return True

    def push_release(self, artifact: Artifact, repository: str) -> None:
        """Push a release and tag it with its 12 digits; what is there is not sent again.

        Raises:
            RegistryError: the registry is out of reach or refuses.
        """
        for digest, data in artifact.blobs.items():
            if not self._client.has_blob(repository, digest):
                self._client.push_blob(repository, digest, data)
        self.tag(repository, artifact.manifest, short(artifact.digest))

    def pull_release(self, repository: str, digest: str) -> Release:
        """Pull a release by its digest.

        Raises:
            NotFound: the registry does not have it.
            InputError: the digest names something else.
            IntegrityError: the registry answers with other bytes.
        """
        manifest = self._manifest(repository, digest)
        return decode(digest, manifest, lambda blob: self._client.read_blob(repository, blob))

    def hold(self, release: Release, owns: Callable[[str], bool]) -> None:
        """Tag every image of a release, and every child of an index, so that no cleanup takes them.

        Args:
            release: whose images.
            owns: whether a full repository is ours; others are never written to.
        """
        for image in release.images:
            if not owns(image.ref.repository):
                continue
            repository = image.ref.repository.removeprefix(f"{self.host}/")
            data = release.manifests[image.ref.digest]
            for child in children(data):
                bytes_ = release.manifests.get(child) or self._manifest(repository, child)
                self.tag(repository, bytes_, f"morphops-{release.short}-{short(child)}")
            self.tag(repository, data, f"morphops-{release.short}")

    def tags(self, repository: str) -> Mapping[str, str]:
        """Return every tag of a repository, and the digest that it has; empty where there is none.

        Raises:
            RegistryError: the registry is out of reach or refuses.
        """
        try:
            named = self._client.tags(repository)
        except NotFound:
            return {}
        found = ((tag, self._client.head_manifest(repository, tag)) for tag in named)
        return {tag: digest for tag, digest in found if digest}

    def remove(self, repository: str, digest: str) -> None:
        """Remove a manifest with all its tags; one that is not there is fine.

        Raises:
            RegistryError: the registry is out of reach, refuses, or lets nothing be removed.
        """
        with suppress(NotFound):
            self._client.delete_manifest(repository, digest)

    def tag(self, repository: str, manifest: bytes, tag: str) -> None:
        """Put a manifest under a tag.

        Raises:
            RegistryError: the registry is out of reach or refuses.
        """
        self._client.put_manifest(repository, manifest, tag)

    def _manifest(self, repository: str, digest: str) -> bytes:
        return self._client.get_manifest(repository, digest).data
