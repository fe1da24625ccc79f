"""A two-party distributed point function (Boyle, Gilboa, Ishai, CCS 2016, figure 1).

`split` turns a row number into two keys. Each key alone looks random; the bits that the two keys
expand to differ in exactly the one place. The tree ends early (their section 3.2.3): a leaf is a
block of 128 bits, which saves seven levels.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from morphogen_pir.prg import CONTROL_BIT, NODE_BYTES, Nodes, PrgKeys, children, leaf_blocks

LEAF_BITS: Final = 7  # log2 of the 128 bits in a leaf
MAX_DOMAIN_BITS: Final = 40


@dataclass(frozen=True, slots=True)
class Correction:
    """The correction word of one level: 16 bytes (control bit clear) and two control bits."""

    seed: bytes
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class DpfKey:
    """One party's half of a question.

    Attributes:
        party: 0 or 1; also the control bit of the root.
        domain_bits: the domain is 0 … 2**domain_bits - 1.
        seed: the root, 16 bytes, control bit clear.
        corrections: one for each level of the tree.
        leaf: the correction of the last block, 16 bytes.
    """

    party: int
    domain_bits: int
    seed: bytes
    corrections: tuple[Correction, ...]
    leaf: bytes


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
    index: int,
    entropy: Callable[[int], bytes] = os.urandom,
) -> tuple[DpfKey, DpfKey]:
    """Split `index` into two keys of which neither says anything about it.

    Args:
        keys: the generator's keys, the same as the servers'.
        domain_bits: size of the domain, 0 … MAX_DOMAIN_BITS.
        index: the place asked for.
        entropy: gives n random bytes; anything but `os.urandom` is for tests.

    Raises:
        ValueError: when `index` lies outside the domain.
    """
    if not 0 <= domain_bits <= MAX_DOMAIN_BITS or not 0 <= index < 1 << domain_bits:
        raise ValueError("the index lies outside the domain")
    depth = tree_depth(domain_bits)
    # Both parties' nodes of the current level, one row each; control bits kept apart.
    seeds = np.frombuffer(entropy(2 * NODE_BYTES), dtype="<u8").reshape(2, 2).copy()
    seeds[:, 0] &= ~CONTROL_BIT
    roots = seeds.copy()
    control = np.array([0, 1], dtype=np.uint64)
    corrections: list[Correction] = []
    for level in range(depth):
        goes_right = index >> (domain_bits - 1 - level) & 1
        left, right = children(keys, seeds)
        keep, lose = (right, left) if goes_right else (left, right)
        # Off the path the two parties must agree, so the losing children are made equal …
        seed_correction = lose[0] ^ lose[1]
        seed_correction[0] &= ~CONTROL_BIT
        # … in their control bits too, while on the path exactly one party keeps the bit set.
        t_left = int((left[0, 0] ^ left[1, 0]) & CONTROL_BIT) ^ goes_right ^ 1
        t_right = int((right[0, 0] ^ right[1, 0]) & CONTROL_BIT) ^ goes_right
        corrections.append(Correction(seed_correction.tobytes(), t_left, t_right))

        t_keep = np.uint64(t_right if goes_right else t_left)
        next_control = (keep[:, 0] & CONTROL_BIT) ^ (control * t_keep)
        seeds = keep ^ control[:, None] * seed_correction
        seeds[:, 0] &= ~CONTROL_BIT
        control = next_control
    blocks = leaf_blocks(keys, seeds)
    place = 1 << (index & ((1 << LEAF_BITS) - 1))
    leaf = (blocks[0] ^ blocks[1]).tobytes()
    leaf = (int.from_bytes(leaf, "little") ^ place).to_bytes(NODE_BYTES, "little")
    first, second = (
        DpfKey(party, domain_bits, roots[party].tobytes(), tuple(corrections), leaf)
        for party in (0, 1)
    )
    return first, second


def expand(keys: PrgKeys, key: DpfKey, count: int) -> NDArray[np.uint8]:
    """Evaluate `key` at 0 … count - 1, level by level.

    Args:
        keys: the generator's keys.
        key: one party's key.
        count: how many places to evaluate, at most the size of the domain.

    Returns:
        `count` bits, each 0 or 1 in a byte of its own.
    """
    if not 1 <= count <= 1 << key.domain_bits:
        raise ValueError("the count lies outside the domain")
    depth = tree_depth(key.domain_bits)
    nodes: Nodes = np.frombuffer(key.seed, dtype="<u8").reshape(1, 2).copy()
    nodes[:, 0] |= np.uint64(key.party)
    for level, correction in enumerate(key.corrections, start=1):
        seeds, controlled = _open(nodes)
        left, right = children(keys, seeds)
        left ^= controlled & _correction_block(correction.seed, correction.left)
        right ^= controlled & _correction_block(correction.seed, correction.right)
        nodes = np.stack([left, right], axis=1).reshape(-1, 2)
        # Nodes that lie beyond the last place asked for are not expanded any further.
        leaves_below = 1 << (depth - level + LEAF_BITS)
        nodes = nodes[: -(-count // leaves_below)]
    seeds, controlled = _open(nodes)
    leaves = leaf_blocks(keys, seeds)
    leaves ^= controlled & np.frombuffer(key.leaf, dtype="<u8")
    return np.unpackbits(leaves.view(np.uint8).reshape(-1), bitorder="little")[:count]


def _open(nodes: Nodes) -> tuple[Nodes, Nodes]:
    """Split nodes into seeds (control bit clear) and masks (all ones where the bit was set)."""
    masks = np.negative((nodes[:, :1] & CONTROL_BIT).view(np.int64)).view(np.uint64)
    seeds = nodes.copy()
    seeds[:, 0] &= ~CONTROL_BIT
    return seeds, masks


def _correction_block(seed: bytes, control: int) -> NDArray[np.uint64]:
    block = np.frombuffer(seed, dtype="<u8").copy()
    block[0] |= np.uint64(control)
    return block
