"""The matrix of rows, and the scan that answers a question."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Rows are folded in chunks that stay in the processor's cache.
_CHUNK_BYTES: Final = 128 * 1024


class MatrixError(ValueError):
    """The data are no matrix of the stated row size."""


class Matrix:
    """Rows of equal size, in memory.

    Attributes:
        words: the rows as 64-bit words, shape (num_rows, row_bytes / 8), read-only.
    """

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self.words = words
        self.words.flags.writeable = False

    @classmethod
    def from_bytes(cls, data: bytes, row_bytes: int) -> "Matrix":
        """Cut `data` into rows.

        Raises:
            MatrixError: when it is empty or no whole number of rows, or rows are no whole words.
        """
        check_shape(len(data), row_bytes)
        return cls(np.frombuffer(data, dtype=np.uint64).reshape(-1, row_bytes // 8))

    @classmethod
    def from_file(cls, path: Path, row_bytes: int) -> "Matrix":
        """Read a whole file. It is read, not mapped: what changes on disk later changes nothing.

        Raises:
            MatrixError: as `from_bytes`.
            OSError: when the file cannot be read.
        """
        check_shape(path.stat().st_size, row_bytes)
        return cls.from_bytes(path.read_bytes(), row_bytes)

    @classmethod
    def synthetic(cls, size_bytes: int, row_bytes: int, seed: int) -> "Matrix":
        """Pseudo-random rows for development, the same for the same seed.

        Raises:
            MatrixError: as `from_bytes`.
        """
        check_shape(size_bytes, row_bytes)
        generator = np.random.Generator(np.random.PCG64(seed))
        words = generator.integers(0, 2**64, size_bytes // 8, dtype=np.uint64)
        return cls(words.reshape(-1, row_bytes // 8))

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return len(self.words)

    @property
    def row_bytes(self) -> int:
        """Size of a row in bytes."""
        return int(self.words.shape[1]) * 8

    def row(self, index: int) -> bytes:
        """One row, in the clear."""
        return bytes(self.words[index].tobytes())

    def pages(self, rows_per_page: int) -> "Matrix":
        """The same data with `rows_per_page` rows joined to one; zeros fill the last page."""
        if rows_per_page == 1:
            return self
        count = -(-self.num_rows // rows_per_page)
        padded = np.zeros((count * rows_per_page, self.words.shape[1]), dtype=np.uint64)
        padded[: self.num_rows] = self.words
        return Matrix(padded.reshape(count, -1))

    def scan(self, bits: NDArray[np.uint8]) -> bytes:
        """XOR of the rows whose bit is 1.

        Every row is read whatever the bits are, so neither time nor memory access tells them.

        Args:
            bits: shape (num_rows,), each 0 or 1.
        """
        if bits.shape != (self.num_rows,):
            raise ValueError("one bit for each row is needed")
        masks = np.negative(bits.astype(np.int64)).view(np.uint64)[:, None]
        chunk = max(1, _CHUNK_BYTES // self.row_bytes)
        folded = np.zeros((min(chunk, self.num_rows), self.words.shape[1]), dtype=np.uint64)
        masked = np.empty_like(folded)
        for start in range(0, self.num_rows, chunk):
            rows = self.words[start : start + chunk]
            part = masked[: len(rows)]
            np.bitwise_and(rows, masks[start : start + chunk], out=part)
            np.bitwise_xor(folded[: len(rows)], part, out=folded[: len(rows)])
        return bytes(np.bitwise_xor.reduce(folded, axis=0).tobytes())


def check_shape(size_bytes: int, row_bytes: int) -> None:
    """Refuse sizes that are no matrix.

    Raises:
        MatrixError: says which number does not fit.
    """
    if row_bytes < 8 or row_bytes % 8:
        raise MatrixError(f"row size {row_bytes} is not a positive multiple of 8 bytes")
    if size_bytes == 0:
        raise MatrixError("the matrix is empty")
    if size_bytes % row_bytes:
        raise MatrixError(f"{size_bytes} bytes are no whole number of rows of {row_bytes} bytes")


def xor(left: bytes, right: bytes) -> bytes:
    """XOR of the two servers' answers, which must be equally long: the row asked for.

    Raises:
        ValueError: when they are not.
    """
    if len(left) != len(right):
        raise ValueError("the two answers differ in length")
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")
