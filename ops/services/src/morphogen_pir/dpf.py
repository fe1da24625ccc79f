"""A two-party distributed point function (Boyle, Gilboa, Ishai, CCS 2016, figure 1).

`split` turns row numbers into two keys each. Each key alone looks random; the bits that the two
keys expand to differ in exactly the one place. The tree ends early (their section 3.2.3): a leaf is
a block of 128 bits, which saves seven levels. Both functions work on many keys at once: a level of
all trees is one AES call.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from morphogen_pir.prg import CONTROL_BIT, NODE_BYTES, Nodes, PrgKeys, children, leaf_blocks

LEAF_BITS: Final = 7  # log2 of the 128 bits in a leaf
MAX_DOMAIN_BITS: Final = 40
# Leaves of all keys that are expanded together: as many as stay in the processor's cache.
_LEAVES_AT_ONCE: Final = 1 << 16

_ONE: Final = np.uint64(1)


@dataclass(frozen=True, slots=True, eq=False)
class DpfKeys:
    """Halves of `n` questions about one domain.

    Attributes:
        domain_bits: the domain is 0 … 2**domain_bits - 1.
        parties: 0 or 1 for each key, also the control bit of its root; shape (n,).
        roots: control bits clear; shape (n, 2).
        left: for each level the correction word of left children, in its lowest bit the
            correction of their control bits; shape (n, depth, 2).
        right: the same of right children. Above the lowest bit it equals `left`.
        leaves: the correction of the last block; shape (n, 2).
    """

    domain_bits: int
    parties: NDArray[np.uint64]
    roots: Nodes
    left: Nodes
    right: Nodes
    leaves: Nodes

    def __len__(self) -> int:
        """How many keys these are."""
        return len(self.roots)

    def part(self, start: int, stop: int) -> "DpfKeys":
        """Some of these keys, as `keys[start:stop]` of a list would be."""
        these = slice(start, stop)
        return DpfKeys(
            self.domain_bits,
            self.parties[these],
            self.roots[these],
            self.left[these],
            self.right[these],
            self.leaves[these],
        )


def domain_bits_for(count: int) -> int:
    """The smallest domain that holds `count` (≥ 1) places: ceil(log2(count))."""
    if count < 1:
        raise ValueError("a domain holds at least one place")
    return (count - 1).bit_length()


def tree_depth(domain_bits: int) -> int:
    """How many levels of the tree come before the 128-bit leaves."""
    return max(0, domain_bits - LEAF_BITS)


def split(
    keys: PrgKeys,
    domain_bits: int,
    indices: Sequence[int],
    entropy: Callable[[int], bytes] = os.urandom,
) -> tuple[DpfKeys, DpfKeys]:
    """Split each of `indices` into two keys of which neither says anything about it.

    Args:
        keys: the generator's keys, the same as the servers'.
        domain_bits: size of the domain, 0 … MAX_DOMAIN_BITS.
        indices: the places asked for, one or more. A place that stands there twice gets
            unrelated keys.
        entropy: gives n random bytes; anything but `os.urandom` is for tests.

    Returns:
        The keys of party 0 and those of party 1, in the order of `indices`.

    Raises:
        ValueError: when a place lies outside the domain.
    """
    if not 0 <= domain_bits <= MAX_DOMAIN_BITS or not all(
        0 <= index < 1 << domain_bits for index in indices
    ):
        raise ValueError("the index lies outside the domain")
    count, depth = len(indices), tree_depth(domain_bits)
    places = np.array(indices, dtype=np.uint64)
    # Both parties' nodes of the current level, shape (2, count, 2); control bits kept apart.
    seeds = np.frombuffer(entropy(2 * count * NODE_BYTES), dtype="<u8").reshape(2, count, 2).copy()
    seeds[..., 0] &= ~CONTROL_BIT
    roots = seeds.copy()
    control = np.zeros((2, count), dtype=np.uint64)
    control[1] = 1
    left = np.empty((count, depth, 2), dtype=np.uint64)
    right = np.empty_like(left)
    for level in range(depth):
        way = (places >> np.uint64(domain_bits - 1 - level)) & _ONE
        goes_right = way.astype(bool)[:, None]
        lefts, rights = (nodes.reshape(2, count, 2) for nodes in children(keys, _flat(seeds)))
        left_difference, right_difference = lefts[0] ^ lefts[1], rights[0] ^ rights[1]
        # Off the path the two parties must agree, so the losing children are made equal …
        correction = np.where(goes_right, left_difference, right_difference)
        correction[:, 0] &= ~CONTROL_BIT
        left[:, level] = right[:, level] = correction
        # … in their control bits too, while on the path exactly one party keeps the bit set.
        left[:, level, 0] |= (left_difference[:, 0] & _ONE) ^ way ^ _ONE
        right[:, level, 0] |= (right_difference[:, 0] & _ONE) ^ way

        kept = np.where(goes_right, right[:, level], left[:, level])
        seeds = np.where(goes_right, rights, lefts) ^ (_masks(control)[..., None] & kept)
        control = seeds[..., 0] & CONTROL_BIT
        seeds[..., 0] &= ~CONTROL_BIT
    blocks = leaf_blocks(keys, _flat(seeds)).reshape(2, count, 2)
    leaves = blocks[0] ^ blocks[1]
    word = (places >> np.uint64(6)) & _ONE
    leaves[np.arange(count), word.astype(np.intp)] ^= _ONE << (places & np.uint64(63))
    first, second = (
        DpfKeys(
            domain_bits, np.full(count, party, dtype=np.uint64), roots[party], left, right, leaves
        )
        for party in (0, 1)
    )
    return first, second


def expand(prg: PrgKeys, keys: DpfKeys, count: int) -> NDArray[np.uint64]:
    """Evaluate every key at 0 … count - 1, level by level.

    Args:
        prg: the generator's keys.
        keys: any party's keys.
        count: how many places to evaluate, at most the size of the domain.

    Returns:
        64 places in a word, the first in its lowest bit: shape (len(keys), ceil(count / 64)).
        Bits beyond `count` mean nothing.
    """
    if not 1 <= count <= 1 << keys.domain_bits:
        raise ValueError("the count lies outside the domain")
    at_once = max(1, _LEAVES_AT_ONCE >> tree_depth(keys.domain_bits))
    starts = range(0, len(keys), at_once)
    parts = [_expand_few(prg, keys.part(start, start + at_once), count) for start in starts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _expand_few(prg: PrgKeys, keys: DpfKeys, count: int) -> NDArray[np.uint64]:
    number, depth = len(keys), tree_depth(keys.domain_bits)
    nodes: Nodes = keys.roots[:, None, :].copy()
    nodes[:, :, 0] |= keys.parties[:, None]
    for level in range(depth):
        seeds, controlled = _open(nodes)
        lefts, rights = (block.reshape(seeds.shape) for block in children(prg, _flat(seeds)))
        nodes = np.empty((number, seeds.shape[1], 2, 2), dtype=np.uint64)
        for word in (0, 1):
            for side, block, corrections in ((0, lefts, keys.left), (1, rights, keys.right)):
                correction = controlled & corrections[:, level, word, None]
                np.bitwise_xor(block[..., word], correction, out=nodes[:, :, side, word])
        # Nodes that lie beyond the last place asked for are not expanded any further.
        leaves_below = 1 << (depth - level - 1 + LEAF_BITS)
        nodes = nodes.reshape(number, -1, 2)[:, : -(-count // leaves_below)]
    seeds, controlled = _open(nodes)
    leaves = leaf_blocks(prg, _flat(seeds)).reshape(seeds.shape)
    for word in (0, 1):
        leaves[..., word] ^= controlled & keys.leaves[:, word, None]
    return leaves.reshape(number, -1)[:, : -(-count // 64)]


def _flat(nodes: Nodes) -> Nodes:
    return nodes.reshape(-1, 2)


def _open(nodes: Nodes) -> tuple[Nodes, NDArray[np.uint64]]:
    """Split nodes into seeds (control bit clear) and masks (all ones where the bit was set)."""
    masks = _masks(nodes[..., 0] & CONTROL_BIT)
    seeds = nodes.copy()
    seeds[..., 0] &= ~CONTROL_BIT
    return seeds, masks


def _masks(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """All ones where the bit is 1, zero where it is 0."""
    return np.negative(bits.view(np.int64)).view(np.uint64)
