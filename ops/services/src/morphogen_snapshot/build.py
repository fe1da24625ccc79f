"""Pure: a genesis becomes the files of a snapshot. The same input gives the same bytes."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from morphogen_pir.cuckoo import (
    DEFAULT_SEEDS,
    PlacementError,
    Seeds,
    candidates,
    place,
    place_first_occupied,
)
from morphogen_pir.dpf import domain_bits_for
from morphogen_pir.manifest import (
    ACCOUNTS_FILE,
    CAS_DIR,
    DICT_FILE,
    MANIFEST_FILE,
    MATRIX_FILE,
    AccountsFile,
    KnownAccount,
    Manifest,
    MatrixFile,
    Page,
    Source,
    canonical_json,
)
from morphogen_pir.quantity import cas_path, keccak256, quantity
from morphogen_pir.rows import ROW_BYTES, Account, encode_row
from morphogen_snapshot.genesis import Genesis, GenesisAccount

_MIN_ROWS: Final = 16
_MAX_LOAD: Final = 0.75  # three hash functions fill to 0.91; this leaves room for any input
_SEED_ATTEMPTS: Final = 64
_ROW_DOUBLINGS: Final = 8
_KNOWN_ACCOUNTS: Final = 32
_FEWEST_KNOWN_ACCOUNTS: Final = 24


class BuildError(ValueError):
    """No snapshot can be made of this input with these options."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller decides; None means that it is chosen here or read from the genesis.

    Attributes:
        rows: number of rows.
        seeds: seeds of the three hash functions.
        block_number: block that the state belongs to.
        state_root: 32 bytes.
        untagged_readers: place accounts for readers that know no tags.
    """

    rows: int | None = None
    seeds: Seeds | None = None
    block_number: int | None = None
    state_root: bytes | None = None
    untagged_readers: bool = False


@dataclass(frozen=True, slots=True)
class _Layout:
    rows: int
    seeds: Seeds
    places: list[int]


def build(genesis: Genesis, source: Source, options: Options) -> dict[str, bytes]:
    """All files of the snapshot: relative path to bytes.

    Raises:
        BuildError: when the accounts do not fit the rows and seeds that were asked for.
    """
    layout = _lay_out([account.address for account in genesis.accounts], options)
    code_ids, codes = _number_codes(genesis.accounts)
    matrix = bytearray(layout.rows * ROW_BYTES)
    for account, place_ in zip(genesis.accounts, layout.places, strict=True):
        state = Account(account.balance, account.nonce, code_ids[account.code])
        matrix[place_ * ROW_BYTES : (place_ + 1) * ROW_BYTES] = encode_row(account.address, state)
    block = genesis.block_number if options.block_number is None else options.block_number
    root = genesis.state_root if options.state_root is None else options.state_root
    accounts = b"".join(canonical_json(_known(a).model_dump()) for a in genesis.accounts)
    manifest = Manifest(
        schema=1,
        rows=layout.rows,
        row_size_bytes=ROW_BYTES,
        seeds=list(layout.seeds),
        page=Page(domain_bits=domain_bits_for(layout.rows), rows_per_page=1),
        block_number=block,
        state_root="0x" + root.hex(),
        matrix=MatrixFile(
            file=MATRIX_FILE, bytes=len(matrix), sha256=hashlib.sha256(matrix).hexdigest()
        ),
        accounts=len(genesis.accounts),
        codes=len(codes),
        source=source,
        known_accounts=[_known(account) for account in _choose_known(genesis.accounts)],
        accounts_file=AccountsFile(
            file=ACCOUNTS_FILE,
            bytes=len(accounts),
            sha256=hashlib.sha256(accounts).hexdigest(),
        ),
    )
    # Entry 0 of the dictionary means "no code"; without any code it is the only one.
    hashes = [keccak256(code) for code in codes]
    files = {
        MATRIX_FILE: bytes(matrix),
        MANIFEST_FILE: manifest.to_bytes(),
        ACCOUNTS_FILE: accounts,
        DICT_FILE: bytes(32) + b"".join(hashes),
    }
    for code_hash, code in zip(hashes, codes, strict=True):
        files[f"{CAS_DIR}/{cas_path(code_hash)}"] = code
    return files


def _number_codes(accounts: Iterable[GenesisAccount]) -> tuple[dict[bytes, int], list[bytes]]:
    """Code ids from 1, in the order of addresses; equal code shares an id; no code is 0."""
    ids: dict[bytes, int] = {b"": 0}
    for account in accounts:
        ids.setdefault(account.code, len(ids))
    return ids, [code for code in ids if code]


def _lay_out(addresses: list[bytes], options: Options) -> _Layout:
    """Find rows and seeds with which every account has a row of its own."""
    put = place_first_occupied if options.untagged_readers else place
    row_choices = [options.rows] if options.rows else list(_row_choices(len(addresses)))
    seed_choices = [options.seeds] if options.seeds else list(_seed_choices())
    fewest_left = len(addresses)
    for rows in row_choices:
        for seeds in seed_choices:
            try:
                return _Layout(rows, seeds, put(candidates(addresses, seeds, rows), rows))
            except PlacementError as error:
                fewest_left = min(fewest_left, error.left_over)
                if len(addresses) > rows:
                    break  # no seeds help
    tried = (
        f"the seeds {','.join(map(str, options.seeds))} do not give"
        if options.seeds
        else f"none of the {len(seed_choices)} choices of seeds tried gives"
    )
    rule = " that is the first non-empty candidate" if options.untagged_readers else ""
    raise BuildError(
        f"{len(addresses)} accounts in {row_choices[-1]} rows: {tried} each account a row of its"
        f" own{rule}; the best attempt left at least {fewest_left} without;"
        f" ask for more --rows{' or other --seeds' if options.seeds else ''}"
    )


def _row_choices(accounts: int) -> Iterator[int]:
    """Powers of two: a DPF domain is one, so none of it is wasted."""
    rows = max(_MIN_ROWS, 1 << domain_bits_for(max(1, int(accounts / _MAX_LOAD) + 1)))
    for doubling in range(_ROW_DOUBLINGS):
        yield rows << doubling


def _seed_choices() -> Iterator[Seeds]:
    """First the servers' defaults, then seeds derived from a counter.

    They stay below 2^32, so that no JSON reader that counts in doubles changes them.
    """
    yield DEFAULT_SEEDS
    for attempt in range(1, _SEED_ATTEMPTS):
        digest = hashlib.sha256(f"morphogen-snapshot seeds {attempt}".encode()).digest()
        first, second, third = (int.from_bytes(digest[at : at + 4], "little") for at in (0, 4, 8))
        yield first, second, third


def _choose_known(accounts: tuple[GenesisAccount, ...]) -> list[GenesisAccount]:
    """24 to 32 accounts: some with code, some with a nonce, some with a balance, then others."""
    chosen: dict[bytes, GenesisAccount] = {}

    def take(some: Iterable[GenesisAccount], up_to: int) -> None:
        for account in some:
            if len(chosen) >= up_to:
                return
            chosen.setdefault(account.address, account)

    # Short code first: the manifest carries it, and a probe reads it over and over.
    with_code = sorted((a for a in accounts if a.code), key=lambda a: (len(a.code), a.address))
    without = [account for account in accounts if not account.code]
    take(with_code, 8)
    take((a for a in without if a.nonce), 16)
    take((a for a in without if a.balance and not a.nonce), 28)
    take(without, _KNOWN_ACCOUNTS)
    take(with_code, _FEWEST_KNOWN_ACCOUNTS)
    return sorted(chosen.values(), key=lambda account: account.address)


def _known(account: GenesisAccount) -> KnownAccount:
    return KnownAccount(
        address="0x" + account.address.hex(),
        balance=quantity(account.balance),
        nonce=quantity(account.nonce),
        code="0x" + account.code.hex(),
    )
