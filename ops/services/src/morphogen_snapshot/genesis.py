"""Reads the `alloc` of a standard Geth genesis file; every refusal says where."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from morphogen_pir.rows import MAX_BALANCE, MAX_NONCE

_ADDRESS: Final = re.compile(r"(?:0x|0X)?([0-9a-fA-F]{40})\Z")
_HEX_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]+\Z")
_DECIMAL: Final = re.compile(r"[0-9]+\Z")
_HEX_BYTES: Final = re.compile(r"0x((?:[0-9a-fA-F]{2})*)\Z")
_HASH: Final = re.compile(r"0x([0-9a-fA-F]{64})\Z")
_MAX_DIGITS: Final = 100  # int() of a very long text is slow, and no field needs so many


class GenesisError(ValueError):
    """The genesis file is refused; the message begins with the path of what is wrong."""


@dataclass(frozen=True, slots=True)
class GenesisAccount:
    """One account of `alloc`: 20-byte address, wei, nonce, contract code (may be empty)."""

    address: bytes
    balance: int
    nonce: int
    code: bytes


@dataclass(frozen=True, slots=True)
class Genesis:
    """What a snapshot needs of a genesis file; accounts are sorted by address."""

    accounts: tuple[GenesisAccount, ...]
    block_number: int
    state_root: bytes


class _Object(dict[str, Any]):
    """A JSON object that remembers a key which stood in it twice (JSON keeps only the last)."""

    repeated: str | None = None

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Any]]) -> "_Object":
        result = cls()
        for key, value in pairs:
            if key in result:
                result.repeated = key
            result[key] = value
        return result


def parse_genesis(data: bytes) -> Genesis:
    """Read a genesis file.

    Raises:
        GenesisError: for anything that would have to be guessed, truncated or dropped.
    """
    try:
        document = json.loads(data, object_pairs_hook=_Object.of)
    except (ValueError, RecursionError):
        # Either no JSON, or text that is no UTF-8; the parser's message may quote the file.
        raise GenesisError("genesis: not a JSON document") from None
    if not isinstance(document, _Object):
        raise GenesisError("genesis: not a JSON object")
    if document.repeated is not None:
        raise GenesisError(f"{document.repeated}: stands there twice")
    alloc = document.get("alloc")
    if not isinstance(alloc, _Object):
        raise GenesisError("alloc: missing, or not an object")
    if alloc.repeated is not None:
        raise GenesisError(f"alloc/{alloc.repeated}: stands there twice")
    accounts: dict[bytes, GenesisAccount] = {}
    for name, fields in alloc.items():
        account = _account(name, fields)
        if account.address in accounts:
            raise GenesisError(f"alloc/{name}: the same address stands there twice")
        accounts[account.address] = account
    return Genesis(
        accounts=tuple(accounts[address] for address in sorted(accounts)),
        block_number=parse_number(document.get("number", 0), "number", MAX_NONCE),
        state_root=parse_hash(document.get("stateRoot", "0x" + 64 * "0"), "stateRoot"),
    )


def _account(name: str, fields: object) -> GenesisAccount:
    path = f"alloc/{name}"
    match = _ADDRESS.match(name)
    if not match:
        raise GenesisError(f"{path}: not an address (40 hex digits, 0x optional)")
    if not isinstance(fields, _Object):
        raise GenesisError(f"{path}: not an object")
    if fields.repeated is not None:
        raise GenesisError(f"{path}/{fields.repeated}: stands there twice")
    if "balance" not in fields:
        raise GenesisError(f"{path}/balance: missing")
    return GenesisAccount(
        address=bytes.fromhex(match[1]),
        balance=parse_number(fields["balance"], f"{path}/balance", MAX_BALANCE),
        nonce=parse_number(fields.get("nonce", 0), f"{path}/nonce", MAX_NONCE),
        code=_parse_bytes(fields.get("code", "0x"), f"{path}/code"),
    )


def parse_number(value: object, path: str, maximum: int) -> int:
    """A number written as an integer, decimal text or 0x text.

    Raises:
        GenesisError: when it is none, or larger than `maximum`.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        number = value
    elif not isinstance(value, str) or len(value) > _MAX_DIGITS:
        raise GenesisError(f"{path}: not a whole number, decimal or 0x")
    elif _HEX_NUMBER.match(value):
        number = int(value, 16)
    elif _DECIMAL.match(value):
        number = int(value)
    else:
        raise GenesisError(f"{path}: not a whole number, decimal or 0x")
    if number > maximum:
        raise GenesisError(f"{path}: needs more than {maximum.bit_length()} bits")
    return number


def parse_hash(value: object, path: str) -> bytes:
    """Thirty-two bytes of 0x hex.

    Raises:
        GenesisError: when it is not that.
    """
    match = _HASH.match(value) if isinstance(value, str) else None
    if not match:
        raise GenesisError(f"{path}: not 0x and 64 hex digits")
    return bytes.fromhex(match[1])


def _parse_bytes(value: object, path: str) -> bytes:
    match = _HEX_BYTES.match(value) if isinstance(value, str) else None
    if not match:
        raise GenesisError(f"{path}: not 0x-prefixed hex of whole bytes")
    return bytes.fromhex(match[1])
