"""A gzip file that is the same bytes on every machine."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from typing import IO

from morphops.core.base_images.recipe import Layer

# A deflate block that is stored holds at most 65,535 bytes (RFC 1951, 3.2.4).
_STORED = 65535

# No time, unknown system (RFC 1952, 2.3): nothing that differs from one machine to the next.
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class StoredGzip(io.RawIOBase):
    """A gzip file whose contents are stored, not squeezed.

    zlib and its successors squeeze the same input to different bytes, and a digest must not
    depend on which of them a machine has. On loopback the size costs less than the squeezing.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__()
        self._raw = raw
        self._pending = bytearray()
        self._crc = 0
        self._size = 0
        self._stored_size = 0
        self._inner = hashlib.sha256()
        self._outer = hashlib.sha256()
        self._emit(_GZIP_HEAD)

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        chunk = bytes(memoryview(data))  # type: ignore[arg-type]
        self._inner.update(chunk)
        self._crc = zlib.crc32(chunk, self._crc)
        self._size += len(chunk)
        self._pending += chunk
        whole = len(self._pending) - len(self._pending) % _STORED
        for start in range(0, whole, _STORED):
            self._block(bytes(self._pending[start : start + _STORED]), last=False)
        del self._pending[:whole]
        return len(chunk)

    def finish(self) -> Layer:
        """Close the gzip stream and say what was written."""
        self._block(bytes(self._pending), last=True)
        self._pending.clear()
        self._emit(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))
        self._raw.flush()
        return Layer(
            f"sha256:{self._outer.hexdigest()}",
            self._stored_size,
            f"sha256:{self._inner.hexdigest()}",
        )

    def _block(self, data: bytes, *, last: bool) -> None:
        self._emit(struct.pack("<BHH", int(last), len(data), len(data) ^ 0xFFFF) + data)

    def _emit(self, data: bytes) -> None:
        self._raw.write(data)
        self._outer.update(data)
        self._stored_size += len(data)
