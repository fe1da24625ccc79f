"""Pushes a made base image straight to a registry's HTTP API (OCI distribution-spec v1.1).

Not through the engine: it would squeeze and name the layers anew, and the digest would change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from morphops.adapters.base_images.assemble import BaseImage
from morphops.core.base_images.recipe import OCI_MANIFEST
from morphops.core.release.digest import short
from morphops.core.release.reference import ImageRef, is_loopback
from morphops.errors import IntegrityError, RegistryError

if TYPE_CHECKING:
    import requests


Say = Callable[[str], None]

_CONNECT, _READ = 3, 120


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
    import requests

    base = f"{'http' if is_loopback(registry) else 'https'}://{registry}/v2/{repository}"
    ref = ImageRef(f"{registry}/{repository}", image.digest)
    with requests.Session() as session:
        # A proxy of the environment must not see what goes to loopback, and could not deliver it.
        session.trust_env = not is_loopback(registry)
        try:
            if _has(session, f"{base}/manifests/{image.digest}"):
                return ref
            for digest in (*image.layers, image.config):
                _push_blob(session, base, image, digest, say)
            data = (image.folder / "manifest").read_bytes()
            # By a tag, for what has only a digest is swept away with the registry's garbage.
            answer = session.put(
                f"{base}/manifests/{short(image.digest)}",
                data=data,
                headers={"Content-Type": OCI_MANIFEST},
                timeout=(_CONNECT, _READ),
            )
            _expect(answer, 201, f"the manifest of {image.name}", ref.repository)
        except requests.RequestException as err:
            # The blob that was sent while the registry died is sent whole the next time.
            raise RegistryError(
                f"could not push the base image {image.name} to {registry}: "
                f"{type(err).__name__}: no answer, or it broke off",
                state="the image is kept and can be pushed again",
                hint="inv registry.up",
            ) from None
    return ref


def _push_blob(
    session: requests.Session, base: str, image: BaseImage, digest: str, say: Say
) -> None:
    if _has(session, f"{base}/blobs/{digest}"):
        return
    path = image.blob(digest)
    size = path.stat().st_size
    say(f"pushing {image.name}: {short(digest)}, {size / 1e6:.1f} MB")
    answer = session.post(f"{base}/blobs/uploads/", timeout=(_CONNECT, _READ))
    where = _expect(answer, 202, f"an upload for {image.name}", base).headers.get("Location", "")
    # The location may be relative, and may have a query already.
    url = urljoin(f"{base}/", where)
    with path.open("rb") as file:
        answer = session.put(
            f"{url}{'&' if '?' in url else '?'}digest={digest}",
            data=file,
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            timeout=(_CONNECT, _READ),
        )
    if answer.status_code == 400 and "DIGEST_INVALID" in answer.text:
        raise IntegrityError(
            f"the stored base image {image.name} is damaged: a blob is not {short(digest)}",
            state="the registry refused it",
            hint="inv image.base --refresh",
        )
    _expect(answer, 201, f"a layer of {image.name}", base)


def _has(session: requests.Session, url: str) -> bool:
    answer = session.head(url, headers={"Accept": OCI_MANIFEST}, timeout=(_CONNECT, _READ))
    return bool(answer.status_code == 200)


def _expect(answer: Any, status: int, what: str, where: str) -> Any:
    if answer.status_code == status:
        return answer
    lines = tuple(answer.text.strip().splitlines()[:3])
    refused = answer.status_code in (401, 403)
    raise RegistryError(
        f"the registry did not take {what} at {where}: HTTP {answer.status_code}",
        detail=lines,
        hint="base images are pushed to the local registry only (inv registry.up)"
        if refused
        else "inv registry.up   (and look at its disk: inv host.check)",
    )
