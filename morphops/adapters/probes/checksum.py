"""Reads for the probe `checksum`: hashes the file that a document names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from morphops.adapters.probes.context import ProbeContext
from morphops.core.probes.checksum import Checksum
from morphops.core.verify.reading import Reading


def read_checksum(probe: Checksum, context: ProbeContext) -> Reading:
    """Hash the file that the document names, unless its size is wrong already."""
    document = context.documents[probe.document]
    claim = probe.claim(document.path, document.data)
    if claim is None:
        return Reading(False, f"{document.path} does not say file, size and sha256", final=True)
    try:
        return claim.wrong_size(claim.path.stat().st_size) or claim.judge(_sha256(claim.path))
    except OSError as err:
        return Reading(False, f"{claim.path}: {err.strerror}", final=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
