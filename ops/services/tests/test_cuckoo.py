import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_siphash import slow_siphash13

from morphogen_pir.cuckoo import (
    DEFAULT_SEEDS,
    PlacementError,
    candidates,
    candidates_of,
    place,
    place_first_occupied,
)
from morphogen_pir.rows import Account, address_tag, encode_row, find_account


def addresses(count: int, salt: str = "") -> list[bytes]:
    return [hashlib.sha256(f"{salt}{i}".encode()).digest()[:20] for i in range(count)]


def test_candidates_are_what_the_contract_says() -> None:
    some = addresses(20)
    rows = candidates(some, (1, 2**64 - 1, 0x9ABC), 1000)
    for address, got in zip(some, rows.tolist(), strict=True):
        expected = [
            slow_siphash13(seed.to_bytes(8, "little") + address, 0, 0) % 1000
            for seed in (1, 2**64 - 1, 0x9ABC)
        ]
        assert got == expected
        assert list(candidates_of(address, (1, 2**64 - 1, 0x9ABC), 1000)) == expected


def test_no_accounts_have_no_candidates() -> None:
    assert candidates([], DEFAULT_SEEDS, 16).shape == (0, 3)
    assert place(candidates([], DEFAULT_SEEDS, 16), 16) == []


@settings(max_examples=40)
@given(st.integers(1, 400), st.text(max_size=5))
def test_every_account_gets_a_row_of_its_own(count: int, salt: str) -> None:
    choices = candidates(addresses(count, salt), DEFAULT_SEEDS, 1024)
    rows = place(choices, 1024)
    assert len(set(rows)) == count
    assert all(row in choices[i] for i, row in enumerate(rows))
    assert rows == place(choices, 1024)


def test_a_high_load_still_fits() -> None:
    assert len(set(place(candidates(addresses(850), DEFAULT_SEEDS, 1000), 1000))) == 850


def test_what_cannot_fit_is_said() -> None:
    with pytest.raises(PlacementError) as caught:
        place(candidates(addresses(20), DEFAULT_SEEDS, 16), 16)
    assert caught.value.left_over == 4
    same = np.zeros((2, 3), dtype=np.int64)
    with pytest.raises(PlacementError):
        place(same, 16)
    with pytest.raises(PlacementError) as caught:
        place_first_occupied(same, 16)
    assert caught.value.left_over == 2


@settings(max_examples=40)
@given(st.integers(1, 120), st.text(max_size=5))
def test_untagged_readers_find_the_first_occupied(count: int, salt: str) -> None:
    choices = candidates(addresses(count, salt), DEFAULT_SEEDS, 1024)
    try:
        rows = place_first_occupied(choices, 1024)
    except PlacementError:
        # No seeds are promised to work; that few accounts always fit is checked below.
        assert count > 20
        return
    occupied = set(rows)
    assert len(occupied) == count
    for own, three in zip(rows, choices.tolist(), strict=True):
        assert next(row for row in three if row in occupied) == own


ACCOUNTS = st.builds(
    Account, st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)
)


@given(st.binary(min_size=20, max_size=20), ACCOUNTS)
def test_rows_survive(address: bytes, account: Account) -> None:
    row = encode_row(address, account)
    assert len(row) == 32
    if any(row):
        assert find_account(address, [row]) == account
    assert find_account(bytes([address[0] ^ 1]) + address[1:], [row]) is None


def test_the_layout_is_the_contracts() -> None:
    address = b"\x11" * 20
    row = encode_row(address, Account(balance=1, nonce=2, code_id=3))
    assert row[:28].hex() == "00" * 15 + "01" + "00" * 7 + "02" + "00" * 3 + "03"
    assert row[28:] == address_tag(address)


@pytest.mark.parametrize("account", [Account(2**128), Account(0, 2**64), Account(0, 0, 2**32)])
def test_nothing_is_truncated(account: Account) -> None:
    with pytest.raises(OverflowError):
        encode_row(b"\x11" * 20, account)


def test_an_empty_row_is_nobodys() -> None:
    assert find_account(b"\x11" * 20, [bytes(32)]) is None
    with pytest.raises(ValueError, match="32 bytes"):
        find_account(b"\x11" * 20, [bytes(31)])
