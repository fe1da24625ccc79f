"""Pushes a made base image straight to a registry.

Not through the engine: it would compress and name the layers again, and the digest would change.
"""

from __future__ import annotations

from collections.abc import Callable

from morphops.adapters.base_images.assemble import BaseImage
from morphops.core.release.digest import short
from morphops.core.release.reference import ImageRef
from morphops.errors import IntegrityError, RegistryError

Say = Callable[[str], None]
_SILENCE = 120.0  # seconds; the registry hashes a whole layer before it answers


def push(image: BaseImage, *, registry: str, repository: str, say: Say) -> ImageRef:
    """Push an image; blobs that the registry has are not sent again.

    Args:
        image: the image.
        registry: `host[:port]`.
        repository: its repository there.
        say: told about each blob that is sent.

    Returns:
        What it can be pulled by.

    Raises:
        RegistryError: the registry is out of reach or refuses.
        IntegrityError: a stored blob is not what its digest says.
    """
    from morphops.adapters.registry import RegistryClient

    client = RegistryClient(registry, stalled_after=_SILENCE)
    ref = ImageRef(f"{registry}/{repository}", image.digest)
    try:
        if client.head_manifest(repository, image.digest):
            return ref
        for digest in (*image.layers, image.config):
            if not client.has_blob(repository, digest):
                size = image.blob(digest).stat().st_size
                say(f"pushing {image.name}: {short(digest)}, {size / 1e6:.1f} MB")
                client.push_blob(repository, digest, image.blob(digest))
        # By a tag, for what has only a digest is swept away with the registry's garbage.
        data = (image.folder / "manifest").read_bytes()
        client.put_manifest(repository, data, short(image.digest))
    except IntegrityError as err:
        raise IntegrityError(
            f"the stored base image {image.name} is damaged: {err.what}",
            state=err.state,
            hint="inv image.base --refresh",
        ) from None
    except RegistryError as err:
        # A blob that was sent while the registry died is sent whole the next time.
        raise RegistryError(
            f"could not push the base image {image.name} to {registry}: {err.what}",
            state="the image is kept and can be pushed again",
            hint=err.hint,
        ) from None
    return ref
