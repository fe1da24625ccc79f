"""Compares the files of a snapshot with its manifest, as a reader would see them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from morphogen_pir.cuckoo import candidates
from morphogen_pir.dpf import domain_bits_for
from morphogen_pir.manifest import (
    CAS_DIR,
    DICT_FILE,
    MANIFEST_FILE,
    MATRIX_FILE,
    KnownAccount,
    Manifest,
    ManifestError,
)
from morphogen_pir.quantity import cas_path, keccak256, quantity
from morphogen_pir.rows import ROW_BYTES, find_account


def differences(files: Mapping[str, bytes]) -> Iterator[str]:
    """What is wrong with a snapshot, one line each; nothing when it is whole."""
    if MANIFEST_FILE not in files:
        yield f"{MANIFEST_FILE}: missing"
        return
    try:
        manifest = Manifest.from_bytes(files[MANIFEST_FILE])
    except ManifestError as error:
        yield f"{MANIFEST_FILE}: {error}"
        return
    matrix = files.get(MATRIX_FILE)
    if matrix is None:
        yield f"{MATRIX_FILE}: missing"
        return
    problems = [*_matrix(manifest, matrix), *_codes(manifest, files)]
    yield from problems
    if not problems:
        yield from _states("known_accounts", manifest.known_accounts, manifest, matrix, files)
        yield from _accounts(manifest, matrix, files)


def _matrix(manifest: Manifest, matrix: bytes) -> Iterator[str]:
    if manifest.matrix.file != MATRIX_FILE:
        yield f"{MANIFEST_FILE}: matrix/file is not {MATRIX_FILE}"
    if len(matrix) != manifest.matrix.bytes:
        yield f"{MATRIX_FILE}: {len(matrix)} bytes, the manifest says {manifest.matrix.bytes}"
    if manifest.matrix.bytes != manifest.rows * ROW_BYTES:
        yield f"{MANIFEST_FILE}: matrix/bytes is not rows times {ROW_BYTES}"
    if hashlib.sha256(matrix).hexdigest() != manifest.matrix.sha256:
        yield f"{MATRIX_FILE}: the sha256 is not the manifest's"
    if manifest.page.domain_bits < domain_bits_for(manifest.rows):
        yield f"{MANIFEST_FILE}: page/domain_bits does not cover the rows"


def _codes(manifest: Manifest, files: Mapping[str, bytes]) -> Iterator[str]:
    dictionary = files.get(DICT_FILE, b"")
    if not dictionary and not manifest.codes:
        return
    if len(dictionary) != 32 * (manifest.codes + 1) or any(dictionary[:32]):
        yield f"{DICT_FILE}: not an empty entry and {manifest.codes} hashes"
        return
    for at in range(32, len(dictionary), 32):
        name = f"{CAS_DIR}/{cas_path(dictionary[at : at + 32])}"
        if name not in files:
            yield f"{name}: missing"
        elif keccak256(files[name]) != dictionary[at : at + 32]:
            yield f"{name}: its Keccak-256 is not its name"


def _accounts(manifest: Manifest, matrix: bytes, files: Mapping[str, bytes]) -> Iterator[str]:
    """The file of all accounts is the manifest's, and each reads back from the matrix."""
    about = manifest.accounts_file
    if about is None:
        return
    data = files.get(about.file)
    if data is None:
        yield f"{about.file}: missing"
        return
    if (len(data), hashlib.sha256(data).hexdigest()) != (about.bytes, about.sha256):
        yield f"{about.file}: size or sha256 is not the manifest's"
        return
    try:
        known = [KnownAccount.model_validate_json(line) for line in data.splitlines()]
    except ValidationError:
        yield f"{about.file}: a line is no account"
        return
    if len(known) != manifest.accounts:
        yield f"{about.file}: {len(known)} accounts, the manifest says {manifest.accounts}"
    yield from _states(about.file, known, manifest, matrix, files)


def _states(
    where: str,
    accounts: Sequence[KnownAccount],
    manifest: Manifest,
    matrix: bytes,
    files: Mapping[str, bytes],
) -> Iterator[str]:
    """Where the matrix says something else of an account than `where` does."""
    if not accounts:
        return
    addresses = [bytes.fromhex(known.address[2:]) for known in accounts]
    first, second, third = manifest.seeds
    places = candidates(addresses, (first, second, third), manifest.rows)
    dictionary = files.get(DICT_FILE, bytes(32))
    for known, address, rows in zip(accounts, addresses, places.tolist(), strict=True):
        account = find_account(address, (matrix[r * ROW_BYTES : (r + 1) * ROW_BYTES] for r in rows))
        if account is None:
            yield f"{where}/{known.address}: not in the matrix"
            continue
        code = b""
        if account.code_id:
            code_hash = dictionary[account.code_id * 32 : account.code_id * 32 + 32]
            code = files.get(f"{CAS_DIR}/{cas_path(code_hash)}", b"")
        state = (quantity(account.balance), quantity(account.nonce), "0x" + code.hex())
        if state != (known.balance, known.nonce, known.code):
            yield f"{where}/{known.address}: the matrix says something else"
