"""The matrix of rows, and the scan that answers questions.

Eight questions at a time give each row a pattern of eight bits: which of them want it. Rows of one
pattern are XORed together once, whatever they add to, and each question then collects the half of
the 256 sums that it wants (the "method of the four Russians", Arlazarov et al. 1970). So eight
questions cost one pass, and a pass sorts and reads every row once.
"""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_TOGETHER: Final = 8  # questions that share a pass: their bits of a row are one byte
# Rows are folded in chunks that stay in the processor's cache, patterns and sorted copy included.
_CHUNK_BYTES: Final = 512 * 1024
_FEWEST_ROWS: Final = 64
_FEW_BYTES: Final = 256 * 1024
# For each question of eight, the patterns in which its bit is set: shape (8, 128).
_WANTED: Final = np.array([[p for p in range(256) if p >> bit & 1] for bit in range(_TOGETHER)])
_SWAPS: Final = tuple(
    (np.uint64(distance), np.uint64(mask))
    for distance, mask in (
        (7, 0x00AA00AA00AA00AA),
        (14, 0x0000CCCC0000CCCC),
        (28, 0x00000000F0F0F0F0),
    )
)


class MatrixError(ValueError):
    """The data are no matrix of the stated row size."""


class Matrix:
    """Rows of equal size, in memory.

    Attributes:
        words: the rows as 64-bit words, shape (num_rows, row_bytes / 8), read-only.
    """

    def __init__(self, words: Words) -> None:
        self.words = words
        self.words.flags.writeable = False
        # Of a small matrix also its columns: few questions are then a handful of long steps.
        small = words.nbytes <= _FEW_BYTES
        self._columns = np.ascontiguousarray(words.T) if small else None

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

    def first_row(self) -> int:
        """The first row that is not all zero; row 0 where every row is."""
        step = _CHUNK_BYTES // 8
        for start in range(0, self.words.size, step):
            part = self.words.reshape(-1)[start : start + step]
            if part.any():
                return (start + int(np.flatnonzero(part)[0])) // int(self.words.shape[1])
        return 0

    def sha256(self) -> bytes:
        """The hash of all rows, one after another: what `sha256sum` says of the file."""
        return hashlib.sha256(self.words.data.cast("B")).digest()

    def pages(self, rows_per_page: int) -> "Matrix":
        """The same data with `rows_per_page` rows joined to one; zeros fill the last page."""
        if rows_per_page == 1:
            return self
        count = -(-self.num_rows // rows_per_page)
        padded = np.zeros((count * rows_per_page, self.words.shape[1]), dtype=np.uint64)
        padded[: self.num_rows] = self.words
        return Matrix(padded.reshape(count, -1))

    def scan(self, bits: Words) -> list[bytes]:
        """For each question, XOR of the rows whose bit is 1.

        Every row is read whatever the bits are. In which order depends on them: on bits that the
        server was given, and that look random whatever row was asked for.

        Args:
            bits: 64 rows in a word, the first in its lowest bit: shape (questions,
                ceil(num_rows / 64)), as `dpf.expand` gives them. Bits beyond the last row
                select nothing.
        """
        if bits.ndim != 2 or bits.shape[1] != -(-self.num_rows // 64):
            raise ValueError("one bit for each row is needed")
        if self._columns is not None and len(bits) * self.words.nbytes <= _FEW_BYTES:
            return self._scan_few(bits, self._columns)
        groups = -(-len(bits) // _TOGETHER)
        octets = np.zeros((groups * _TOGETHER, bits.shape[1] * 8), dtype=np.uint8)
        octets[: len(bits)] = np.ascontiguousarray(bits, dtype="<u8").view(np.uint8)
        sums = np.zeros((groups, 256, self.words.shape[1]), dtype=np.uint64)
        step = max(_FEWEST_ROWS, _CHUNK_BYTES // self.row_bytes // 8 * 8)
        for start in range(0, self.num_rows, step):
            rows = self.words[start : start + step]
            chunk = octets[:, start // 8 : start // 8 + -(-len(rows) // 8)]
            for group, patterns in enumerate(_patterns(chunk)):
                _add_by_pattern(sums[group], rows, patterns[: len(rows)])
        answers = np.bitwise_xor.reduce(sums[:, _WANTED], axis=2)
        answers = answers.reshape(groups * _TOGETHER, -1)[: len(bits)]
        return [answer.tobytes() for answer in answers]

    def _scan_few(self, bits: Words, columns: Words) -> list[bytes]:
        """The same with a mask for each row."""
        octets = np.ascontiguousarray(bits, dtype="<u8").view(np.uint8)
        single = np.unpackbits(octets, axis=1, count=self.num_rows, bitorder="little")
        masks = np.negative(single.astype(np.int64)).view(np.uint64)
        answers = np.bitwise_xor.reduce(masks[:, None] & columns, axis=2)
        return [answer.tobytes() for answer in answers]


def _patterns(octets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """For each eight questions and each row the byte that says which of them want it.

    Args:
        octets: for each question 8 rows in a byte, shape (8 * groups, n).

    Returns:
        Shape (groups, 8 * n).
    """
    groups = len(octets) // _TOGETHER
    # A word holds the same 8 rows of 8 questions: 8 x 8 bits, which are transposed at once
    # (Warren, Hacker's Delight, 2nd edition, section 7-3).
    beside = octets.reshape(groups, _TOGETHER, -1).swapaxes(1, 2)
    bits = np.ascontiguousarray(beside).view("<u8")[:, :, 0]
    for distance, mask in _SWAPS:
        moved = (bits ^ (bits >> distance)) & mask
        bits ^= moved ^ (moved << distance)
    return bits.view(np.uint8).reshape(groups, -1)


def _add_by_pattern(sums: Words, rows: Words, patterns: NDArray[np.uint8]) -> None:
    """XOR every row into the sum of its pattern."""
    order = np.argsort(patterns, kind="stable")  # of bytes that is a radix sort
    in_order = patterns[order]
    starts = np.concatenate(([0], np.flatnonzero(in_order[1:] != in_order[:-1]) + 1))
    sums[in_order[starts]] ^= np.bitwise_xor.reduceat(rows.take(order, axis=0), starts, axis=0)


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
