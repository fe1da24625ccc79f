"""How keys and rows travel: strict, versioned bytes, as `0x…` hex inside JSON.

    version (1) | kind (1) | party (1) | domain bits (1) | PRG keys (32, pages only)
    | root (16) | { correction (16) | control bits (1) } for each level | leaf (16)

Every byte is checked, so one question has one encoding. A page key carries the PRG keys that it
was made with: a server with others would answer noise, and refuses instead.
"""

import re
from enum import IntEnum
from typing import Final

from morphogen_pir.dpf import MAX_DOMAIN_BITS, Correction, DpfKey, tree_depth
from morphogen_pir.prg import NODE_BYTES, PrgKeys

VERSION: Final = 1
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


def encode_key(kind: Kind, prg_keys: PrgKeys, key: DpfKey) -> bytes:
    """The bytes of `key`, made with `prg_keys`."""
    parts = [bytes([VERSION, kind, key.party, key.domain_bits])]
    if kind is Kind.PAGE:
        parts += [prg_keys.left, prg_keys.right]
    parts.append(key.seed)
    for correction in key.corrections:
        parts += [correction.seed, bytes([correction.left | correction.right << 1])]
    parts.append(key.leaf)
    return b"".join(parts)


def decode_key(data: bytes, kind: Kind, prg_keys: PrgKeys, domain_bits: int) -> DpfKey:
    """Read a key that must be of this kind and domain, and made with these PRG keys.

    Raises:
        WireError: when anything at all is not as it must be.
    """
    if len(data) < 4:
        raise WireError("key is too short")
    version, got_kind, party, bits = data[:4]
    if version != VERSION:
        raise WireError(f"key has version {version}, this server speaks {VERSION}")
    if got_kind != kind:
        raise WireError("key is of another kind: row keys go to /query, page keys to /query/page")
    if party not in (0, 1):
        raise WireError("key names a party other than 0 and 1")
    if bits != domain_bits or bits > MAX_DOMAIN_BITS:
        raise WireError(f"key is for a domain of {bits} bits, this snapshot needs {domain_bits}")
    rest = data[4:]
    if kind is Kind.PAGE:
        made_with, rest = rest[:32], rest[32:]
        if made_with != prg_keys.left + prg_keys.right:
            raise WireError("key was made with other PRG keys than this server's")
    step = NODE_BYTES + 1
    depth = tree_depth(bits)
    if len(rest) != 2 * NODE_BYTES + depth * step:
        raise WireError("key has the wrong length for its domain")
    seed, levels, leaf = rest[:NODE_BYTES], rest[NODE_BYTES:-NODE_BYTES], rest[-NODE_BYTES:]
    corrections = tuple(_correction(levels[at : at + step]) for at in range(0, depth * step, step))
    if seed[0] & 1 or any(correction.seed[0] & 1 for correction in corrections):
        raise WireError("key has a control bit where none may be")
    return DpfKey(party, bits, seed, corrections, leaf)


def _correction(data: bytes) -> Correction:
    control = data[NODE_BYTES]
    if control > 3:
        raise WireError("key has unknown control bits")
    return Correction(data[:NODE_BYTES], control & 1, control >> 1)
