"""What a row of the matrix means: one account in 32 bytes.

    balance (16, big-endian) | nonce (8, big-endian) | code id (4, big-endian) | tag (4)

The tag belongs to the address, so that a row of another account which stands in one of the three
candidate places is not mistaken for the answer. A row of 32 zero bytes is empty.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from morphogen_pir.siphash import siphash13_one

ROW_BYTES: Final = 32
ADDRESS_BYTES: Final = 20
MAX_BALANCE: Final = 2**128 - 1
MAX_NONCE: Final = 2**64 - 1

# Its own SipHash key keeps the tag independent of the row numbers, which use the key (0, 0).
_TAG_KEY: Final = (
    int.from_bytes(b"morphoge", "little"),
    int.from_bytes(b"n-rowtag", "little"),
)


@dataclass(frozen=True, slots=True)
class Account:
    """The state of one account, as a row holds it.

    Attributes:
        balance: wei, at most 128 bits.
        nonce: at most 64 bits.
        code_id: index into the code dictionary; 0 means that the account has no code.
    """

    balance: int = 0
    nonce: int = 0
    code_id: int = 0


def address_tag(address: bytes) -> bytes:
    """The four bytes that mark a row as belonging to `address` (20 bytes)."""
    return siphash13_one(address, *_TAG_KEY).to_bytes(8, "little")[:4]


def encode_row(address: bytes, account: Account) -> bytes:
    """The 32 bytes of one account.

    Raises:
        OverflowError: when a value does not fit its field; nothing is ever truncated.
    """
    return (
        account.balance.to_bytes(16, "big")
        + account.nonce.to_bytes(8, "big")
        + account.code_id.to_bytes(4, "big")
        + address_tag(address)
    )


def find_account(address: bytes, rows: Iterable[bytes]) -> Account | None:
    """The account of `address` in one of `rows` (32 bytes each), or None.

    A row that is empty or another account's is passed over.
    """
    tag = address_tag(address)
    for row in rows:
        if len(row) != ROW_BYTES:
            raise ValueError(f"a row has {ROW_BYTES} bytes, not {len(row)}")
        if row[28:] == tag and any(row):
            return Account(
                balance=int.from_bytes(row[:16], "big"),
                nonce=int.from_bytes(row[16:24], "big"),
                code_id=int.from_bytes(row[24:28], "big"),
            )
    return None
