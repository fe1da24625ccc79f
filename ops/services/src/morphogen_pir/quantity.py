"""Small texts that several parts read and write: JSON-RPC quantities, addresses, Keccak-256."""

import re
from typing import Final

from eth_hash.auto import keccak

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}\Z")


def quantity(value: int) -> str:
    """A number as JSON-RPC writes it: `0x0`, `0x1f`; no leading zeros."""
    return hex(value)


def parse_address(text: object) -> bytes:
    """The 20 bytes of a `0x…` address, in any case.

    Raises:
        ValueError: when it is none; the message does not quote it.
    """
    if not isinstance(text, str) or not _ADDRESS.match(text):
        raise ValueError("an address is 0x and 40 hex digits")
    return bytes.fromhex(text[2:])


def keccak256(data: bytes) -> bytes:
    """Ethereum's Keccak-256 (not SHA3-256): 32 bytes."""
    digest: bytes = keccak(data)
    return digest


def cas_path(code_hash: bytes) -> str:
    """Where a contract's code lies below the CAS root: `hh/hh/<hash>.bin`."""
    digits = code_hash.hex()
    return f"{digits[:2]}/{digits[2:4]}/{digits}.bin"
