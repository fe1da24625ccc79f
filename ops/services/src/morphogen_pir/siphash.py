"""SipHash-1-3: of one message with integers, of many equally long ones with arrays.

Aumasson and Bernstein, *SipHash: a fast short-input PRF* (INDOCRYPT 2012), with one compression
round and three finalisation rounds, as Rust's and CPython's hash tables use it.
"""

import struct

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]

_MASK = 2**64 - 1
_WORD = struct.Struct("<Q")
_INIT = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def siphash13(messages: NDArray[np.uint8], k0: int = 0, k1: int = 0) -> U64:
    """Hash each row of `messages`.

    Args:
        messages: bytes, shape (n, length); every message has the same length.
        k0: first half of the key, an unsigned 64-bit integer.
        k1: second half of the key.

    Returns:
        n unsigned 64-bit hashes.
    """
    count, length = messages.shape
    # The last word carries what is left of the message and, in its top byte, the length mod 256.
    padded = np.zeros((count, (length // 8 + 1) * 8), dtype=np.uint8)
    padded[:, :length] = messages
    padded[:, -1] = length & 0xFF
    words = padded.view("<u8").astype(np.uint64, copy=False)

    keys = (k0, k1, k0, k1)
    v0, v1, v2, v3 = (
        np.full(count, init ^ key, dtype=np.uint64) for init, key in zip(_INIT, keys, strict=True)
    )
    for word in words.T:
        v3 ^= word
        _round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= np.uint64(0xFF)
    for _ in range(3):
        _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


def siphash13_one(message: bytes, k0: int = 0, k1: int = 0) -> int:
    """Hash one message; for a few messages this is many times faster than arrays of one.

    Args:
        message: any bytes.
        k0: first half of the key, an unsigned 64-bit integer.
        k1: second half of the key.

    Returns:
        An unsigned 64-bit hash.
    """
    length = len(message)
    padded = message + bytes(7 - length % 8) + bytes([length & 0xFF])
    v0, v1, v2, v3 = _INIT[0] ^ k0, _INIT[1] ^ k1, _INIT[2] ^ k0, _INIT[3] ^ k1
    for (word,) in _WORD.iter_unpack(padded):
        v0, v1, v2, v3 = _round_of_integers(v0, v1, v2, v3 ^ word)
        v0 ^= word
    v2 ^= 0xFF
    for _ in range(3):
        v0, v1, v2, v3 = _round_of_integers(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


def _round_of_integers(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    """One SipRound. Every value stays below 2^64."""
    v0 = (v0 + v1) & _MASK
    v1 = ((v1 << 13) & _MASK | v1 >> 51) ^ v0
    v0 = (v0 << 32) & _MASK | v0 >> 32
    v2 = (v2 + v3) & _MASK
    v3 = ((v3 << 16) & _MASK | v3 >> 48) ^ v2
    v0 = (v0 + v3) & _MASK
    v3 = ((v3 << 21) & _MASK | v3 >> 43) ^ v0
    v2 = (v2 + v1) & _MASK
    v1 = ((v1 << 17) & _MASK | v1 >> 47) ^ v2
    v2 = (v2 << 32) & _MASK | v2 >> 32
    return v0, v1, v2, v3


def _rotate_left(v: U64, bits: int) -> None:
    high = v >> np.uint64(64 - bits)
    v <<= np.uint64(bits)
    v |= high


def _round(v0: U64, v1: U64, v2: U64, v3: U64) -> None:
    """One SipRound, in place. Array addition wraps modulo 2^64, which is what SipHash wants."""
    v0 += v1
    _rotate_left(v1, 13)
    v1 ^= v0
    _rotate_left(v0, 32)
    v2 += v3
    _rotate_left(v3, 16)
    v3 ^= v2
    v0 += v3
    _rotate_left(v3, 21)
    v3 ^= v0
    v2 += v1
    _rotate_left(v1, 17)
    v1 ^= v2
    _rotate_left(v2, 32)
