"""A release on disk: an OCI image layout (OCI image-spec v1.1, image-layout.md) per release.

Blobs are written first and `index.json` last, each whole or not at all, and each is on the disk
before the next one is begun. So a layout with an index is complete, also after a power cut. One
without an index is written again.
"""

from __future__ import annotations

from pathlib import Path

from morphops.adapters.store.files import write_whole
from morphops.core.release.artifact import MANIFEST, RELEASE, Artifact, decode
from morphops.core.release.digest import canonical_json, short
from morphops.core.release.release import Release
from morphops.errors import IntegrityError, PreconditionError

_INDEX = "index.json"


def write_layout(artifact: Artifact, folder: Path) -> None:
    """Write an artifact; what is there already is the same, since digests name it.

    Raises:
        PreconditionError: the folder cannot be written.
    """
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": MANIFEST,
                "artifactType": RELEASE,
                "digest": artifact.digest,
                "size": len(artifact.manifest),
            }
        ],
    }
    try:
        for digest, data in {**artifact.blobs, artifact.digest: artifact.manifest}.items():
            write_whole(_blob(folder, digest), data)
        write_whole(folder / "oci-layout", canonical_json({"imageLayoutVersion": "1.0.0"}))
        write_whole(folder / _INDEX, canonical_json(index))
    except PreconditionError as err:
        raise PreconditionError(
            f"cannot store release {short(artifact.digest)}: {err.what}", hint=err.hint
        ) from None


def is_complete(folder: Path) -> bool:
    """Whether a layout was written to its end."""
    return (folder / _INDEX).is_file()


def read_layout(folder: Path, digest: str) -> Release:
    """Read a release; every byte is hashed again.

    Raises:
        PreconditionError: it is not there.
        IntegrityError: it is not what it was.
    """

    def read(name: str) -> bytes:
        try:
            return _blob(folder, name).read_bytes()
        except FileNotFoundError:
            if is_complete(folder):
                raise IntegrityError(
                    f"release {short(digest)} is not whole in the state folder: "
                    f"blob {short(name)} is missing",
                    hint=f"remove {folder} and `inv pull --image={digest}`",
                ) from None
            raise PreconditionError(
                f"release {short(digest)} is not in the state folder ({folder})",
                hint=f"inv pull --image={digest}",
            ) from None
        except OSError as err:
            raise PreconditionError(f"cannot read {_blob(folder, name)}: {err.strerror}") from None

    return decode(digest, read(digest), read)


def _blob(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
