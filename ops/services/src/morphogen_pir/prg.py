"""The length-doubling generator of the DPF: fixed-key AES in Matyas–Meyer–Oseas mode.

A tree node is 128 bits: 127 bits of seed and, in the least significant bit of the first byte,
the control bit *t*. Nodes travel as little-endian pairs of 64-bit words, shape (n, 2), so that a
whole level of the tree is one AES call.
"""

import threading
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

Nodes = NDArray[np.uint64]

NODE_BYTES: Final = 16
CONTROL_BIT: Final = np.uint64(1)


@dataclass(frozen=True, slots=True)
class PrgKeys:
    """The two fixed AES-128 keys of the generator. Public protocol parameters, no secrets.

    Attributes:
        left: key of the left child (16 bytes).
        right: key of the right child.
    """

    left: bytes = field()
    right: bytes = field()

    def __post_init__(self) -> None:
        """Refuse keys that would make the generator weak."""
        if len(self.left) != 16 or len(self.right) != 16:
            raise ValueError("a PRG key has 16 bytes")
        if not any(self.left) or not any(self.right):
            raise ValueError("a PRG key must not be zero")
        if self.left == self.right:
            # Both children of every node would be equal.
            raise ValueError("the two PRG keys must differ")


# Used by /query, and by /query/page outside production when none are configured. Nothing up the
# sleeve: the words say what they are for.
BUILT_IN_KEYS: Final = PrgKeys(left=b"morphogen prg 0.", right=b"morphogen prg 1.")


def children(keys: PrgKeys, seeds: Nodes) -> tuple[Nodes, Nodes]:
    """Left and right child of each seed, each with its own control bit.

    Args:
        keys: the generator's keys.
        seeds: shape (n, 2), control bits cleared.
    """
    return _mmo(keys.left, seeds), _mmo(keys.right, seeds)


def leaf_blocks(keys: PrgKeys, seeds: Nodes) -> Nodes:
    """Stretch the seed of each leaf (control bits cleared) to 128 pseudo-random bits.

    Seeds end in a zero bit, so setting that bit gives inputs that `children` never sees. Without
    this step the cleared bit of a leaf would show through, and with it a bit of the row number.
    """
    marked = seeds.copy()
    marked[:, 0] |= CONTROL_BIT
    return _mmo(keys.left, marked)


def _mmo(key: bytes, blocks: Nodes) -> Nodes:
    """AES_key(x) xor x for every block x: one-way even though the key is public."""
    blocks = np.ascontiguousarray(blocks)
    encrypted = _cipher(key).update(blocks.data.cast("B"))
    return np.frombuffer(encrypted, dtype="<u8").reshape(-1, 2) ^ blocks


class _Ciphers(threading.local):
    """The ciphers of one thread: making one costs more than encrypting a few blocks."""

    def __init__(self) -> None:
        self.by_key: dict[bytes, CipherContext] = {}


_ciphers: Final = _Ciphers()
_MOST_CIPHERS: Final = 16  # two for each pair of PRG keys; a process sees one or two pairs


def _cipher(key: bytes) -> CipherContext:
    known = _ciphers.by_key
    if key not in known:
        if len(known) >= _MOST_CIPHERS:
            known.clear()
        # ECB is a bare block cipher over independent blocks, which is exactly what is wanted here,
        # and it keeps nothing from one call to the next.
        known[key] = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    return known[key]
