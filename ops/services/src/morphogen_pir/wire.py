"""How keys and rows travel: strict, versioned bytes, as `0x…` hex inside JSON.

    version (1) | kind (1) | party (1) | domain bits (1) | PRG keys (32, pages only)
    | root (16) | { correction (16) | control bits (1) } for each level | leaf (16)

Every byte is checked, so one question has one encoding. A page key carries the PRG keys that it
was made with: a server with others would answer noise, and refuses instead.
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from morphogen_pir.dpf import MAX_DOMAIN_BITS, DpfKeys, tree_depth
from morphogen_pir.prg import CONTROL_BIT, NODE_BYTES, Nodes, PrgKeys

VERSION: Final = 1
_STEP: Final = NODE_BYTES + 1  # a level: its correction and its control bits
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")


class WireError(ValueError):
    """What came over the wire is not well-formed; the message says why and quotes nothing."""


class Kind(IntEnum):
    """What a key asks for."""

    ROW = 0
    PAGE = 1


def from_hex(text: object, what: str = "value") -> bytes:
    """The bytes of a `0x…` string.

    Raises:
        WireError: when it is not a string of that form.
    """
    if not isinstance(text, str) or not _HEX.match(text):
        raise WireError(f"{what} is not 0x-prefixed hex of whole bytes")
    return bytes.fromhex(text[2:])


def to_hex(data: bytes) -> str:
    """`0x` and lower-case hex."""
    return "0x" + data.hex()


def encode_keys(kind: Kind, prg_keys: PrgKeys, keys: DpfKeys) -> list[bytes]:
    """The bytes of each of `keys`, made with `prg_keys`."""
    count, depth = len(keys), tree_depth(keys.domain_bits)
    start = _start(kind)
    data = np.empty((count, _size(kind, keys.domain_bits)), dtype=np.uint8)
    data[:, 0], data[:, 1], data[:, 3] = VERSION, kind, keys.domain_bits
    data[:, 2] = keys.parties
    if kind is Kind.PAGE:
        data[:, 4:start] = np.frombuffer(prg_keys.left + prg_keys.right, dtype=np.uint8)
    data[:, start : start + NODE_BYTES] = _bytes(keys.roots)
    # Both corrections of a level are one block and two control bits.
    levels = data[:, start + NODE_BYTES : -NODE_BYTES].reshape(count, depth, _STEP)
    levels[:, :, :NODE_BYTES] = _bytes(keys.left)
    levels[:, :, 0] &= 0xFE
    levels[:, :, NODE_BYTES] = (keys.left[:, :, 0] & CONTROL_BIT) | (
        (keys.right[:, :, 0] & CONTROL_BIT) << CONTROL_BIT
    )
    data[:, -NODE_BYTES:] = _bytes(keys.leaves)
    return [row.tobytes() for row in data]


def decode_keys(data: Sequence[bytes], kind: Kind, prg_keys: PrgKeys, domain_bits: int) -> DpfKeys:
    """Read keys that must be of this kind and domain, and made with these PRG keys.

    Raises:
        WireError: when anything at all is not as it must be.
    """
    for key in data:
        _check(key, kind, prg_keys, domain_bits)
    count, depth, start = len(data), tree_depth(domain_bits), _start(kind)
    table = np.frombuffer(b"".join(data), dtype=np.uint8).reshape(count, -1)
    roots = _nodes(table[:, start : start + NODE_BYTES])
    levels = table[:, start + NODE_BYTES : -NODE_BYTES].reshape(count, depth, _STEP)
    seeds, control = _nodes(levels[:, :, :NODE_BYTES]), levels[:, :, NODE_BYTES].astype(np.uint64)
    if ((roots[:, 0] & CONTROL_BIT).any()) or (seeds[:, :, 0] & CONTROL_BIT).any():
        raise WireError("key has a control bit where none may be")
    if (control > 3).any():
        raise WireError("key has unknown control bits")
    left, right = seeds, seeds.copy()
    left[:, :, 0] |= control & CONTROL_BIT
    right[:, :, 0] |= control >> CONTROL_BIT
    leaves = _nodes(table[:, -NODE_BYTES:])
    return DpfKeys(domain_bits, table[:, 2].astype(np.uint64), roots, left, right, leaves)


def _check(key: bytes, kind: Kind, prg_keys: PrgKeys, domain_bits: int) -> None:
    """Refuse a key whose header or length is not as it must be."""
    if len(key) < 4:
        raise WireError("key is too short")
    version, got_kind, party, bits = key[:4]
    if version != VERSION:
        raise WireError(f"key has version {version}, this server speaks {VERSION}")
    if got_kind != kind:
        raise WireError("key is of another kind: row keys go to /query, page keys to /query/page")
    if party not in (0, 1):
        raise WireError("key names a party other than 0 and 1")
    if bits != domain_bits or bits > MAX_DOMAIN_BITS:
        raise WireError(f"key is for a domain of {bits} bits, this snapshot needs {domain_bits}")
    if kind is Kind.PAGE and key[4:36] != prg_keys.left + prg_keys.right:
        raise WireError("key was made with other PRG keys than this server's")
    if len(key) != _size(kind, bits):
        raise WireError("key has the wrong length for its domain")


def _start(kind: Kind) -> int:
    """Where the root stands."""
    return 36 if kind is Kind.PAGE else 4


def _size(kind: Kind, domain_bits: int) -> int:
    return _start(kind) + 2 * NODE_BYTES + tree_depth(domain_bits) * _STEP


def _bytes(nodes: Nodes) -> NDArray[np.uint8]:
    """Each node as its 16 bytes."""
    flat = np.ascontiguousarray(nodes, dtype="<u8").view(np.uint8)
    return flat.reshape(*nodes.shape[:-1], NODE_BYTES)


def _nodes(data: NDArray[np.uint8]) -> Nodes:
    """The reverse of `_bytes`, as an array of its own."""
    words = np.ascontiguousarray(data).view("<u8").astype(np.uint64)
    return words.reshape(*data.shape[:-1], 2)
