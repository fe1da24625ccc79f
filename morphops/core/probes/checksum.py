"""The probe `checksum`: a file is what a document says, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from morphops.core.jmespath import search
from morphops.core.probes.kind import Asks, ProbeKind
from morphops.core.verify.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum(ProbeKind):
    """A file beside a document is what the document says, byte for byte.

    Attributes:
        document: the document's name.
        file: JMESPath → the file's name, relative to the document's folder.
        bytes: JMESPath → its size.
        sha256: JMESPath → its SHA-256 in hex.
    """

    offline: ClassVar[bool] = True

    kind: Literal["checksum"]
    document: str
    file: str
    bytes: str
    sha256: str

    @property
    def asks(self) -> Asks:
        """See `ProbeKind.asks`."""
        expressions = {"file": self.file, "bytes": self.bytes, "sha256": self.sha256}
        return Asks(documents=(self.document,), expressions=expressions)

    def claim(self, path: Path, document: Any) -> FileClaim | None:
        """What a document says of the file; None where it does not say all of it.

        Args:
            path: of the document.
            document: its JSON.
        """
        name = search(self.file, document)
        size = search(self.bytes, document)
        sha256 = search(self.sha256, document)
        if isinstance(name, str) and isinstance(sha256, str) and isinstance(size, int):
            return FileClaim(path.parent / name, size, sha256)
        return None


@dataclass(frozen=True, slots=True)
class FileClaim:
    """What a document says of a file: its path, its size in bytes, and its SHA-256 in hex."""

    path: Path
    size: int
    sha256: str

    def wrong_size(self, found: int) -> Reading | None:
        """Why a file of this size is not the one; None where it may be."""
        if found == self.size:
            return None
        return Reading(
            False,
            f"{self.path} has {found} bytes, its manifest says {self.size}",
            ("the file is truncated, or belongs to another manifest",),
            final=True,
        )

    def judge(self, sha256: str) -> Reading:
        """Whether a file with this SHA-256 is the one."""
        if sha256 == self.sha256:
            return Reading(True, f"{self.path} is sha256:{sha256[:12]}, as its manifest says")
        return Reading(
            False,
            f"{self.path} is not what its manifest says",
            (f"sha256 {sha256}", f"manifest {self.sha256}"),
            final=True,
        )
