import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SAMPLE

from morphogen_pir.cuckoo import candidates
from morphogen_pir.manifest import Manifest, ManifestError, Source, canonical_json
from morphogen_pir.quantity import keccak256
from morphogen_pir.rows import Account, find_account
from morphogen_snapshot.build import BuildError, Options, build
from morphogen_snapshot.cli import main
from morphogen_snapshot.genesis import Genesis, GenesisError, parse_genesis
from morphogen_snapshot.store import read_tree

A = "0x" + "aa" * 20
B = "0x" + "bb" * 20
SOURCE = Source(file="genesis.json", sha256="0" * 64)
WITHOUT_CODE = {
    "matrix.bin",
    "manifest.json",
    "accounts.jsonl",
    "code-data/mainnet_compact.dict",
}
GenesisFile = Callable[[Any], Path]


def make(alloc: dict[str, Any], options: Options | None = None, **top: Any) -> dict[str, bytes]:
    genesis = parse_genesis(json.dumps({"alloc": alloc, **top}).encode())
    return build(genesis, SOURCE, options or Options())


def manifest_of(files: dict[str, bytes]) -> Manifest:
    return Manifest.from_bytes(files["manifest.json"])


def read(files: dict[str, bytes], address: bytes, *, tagged: bool = True) -> Account | None:
    """What a reader finds; one that knows no tags takes the first row that is not all zero."""
    manifest = manifest_of(files)
    first, second, third = manifest.seeds
    places = candidates([address], (first, second, third), manifest.rows)[0].tolist()
    rows = [files["matrix.bin"][at * 32 : at * 32 + 32] for at in places]
    if tagged:
        return find_account(address, rows)
    row = next(row for row in rows if any(row))
    numbers = (row[:16], row[16:24], row[24:28])
    return Account(*(int.from_bytes(number, "big") for number in numbers))


def test_the_sample_is_whole(snapshot: Path, genesis: Genesis, manifest: Manifest) -> None:
    files = read_tree(snapshot)
    assert manifest.accounts == len(genesis.accounts) == 300
    assert manifest.codes == len({a.code for a in genesis.accounts if a.code}) == 20
    assert max(len(a.code) for a in genesis.accounts) > 4096
    assert manifest.page.domain_bits == 9
    dictionary = files["code-data/mainnet_compact.dict"]
    assert dictionary[:32] == bytes(32)
    for account in genesis.accounts:
        found = read(files, account.address)
        assert found is not None
        assert (found.balance, found.nonce) == (account.balance, account.nonce)
        if account.code:
            digest = dictionary[found.code_id * 32 : found.code_id * 32 + 32]
            name = digest.hex()
            code = files[f"code-data/cas/{name[:2]}/{name[2:4]}/{name}.bin"]
            assert code == account.code
            assert keccak256(code) == digest
        else:
            assert found.code_id == 0


def test_known_accounts_cover_what_probes_need(manifest: Manifest, genesis: Genesis) -> None:
    known = manifest.known_accounts
    assert 24 <= len(known) <= 32
    assert sum(a.balance != "0x0" for a in known) >= 8
    assert sum(a.nonce != "0x0" for a in known) >= 8
    assert sum(a.code != "0x" for a in known) == 8
    all_with_code = make({"0x" + f"{i:040x}": {"balance": "0", "code": "0x60"} for i in range(99)})
    assert len(manifest_of(all_with_code).known_accounts) == 24
    by_address = {"0x" + a.address.hex(): a for a in genesis.accounts}
    for account in known:
        real = by_address[account.address]
        assert (account.balance, account.nonce) == (hex(real.balance), hex(real.nonce))
        assert account.code == "0x" + real.code.hex()


def test_every_account_is_in_the_file_of_accounts(snapshot: Path, genesis: Genesis) -> None:
    lines = (snapshot / "accounts.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "address": "0x" + account.address.hex(),
            "balance": hex(account.balance),
            "nonce": hex(account.nonce),
            "code": "0x" + account.code.hex(),
        }
        for account in genesis.accounts
    ]


def test_verify_reads_every_account_back(
    snapshot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file agrees with its hash, and the matrix holds another balance."""
    files = read_tree(snapshot)
    *others, last = files["accounts.jsonl"].splitlines()
    account = json.loads(last)
    lied = canonical_json({**account, "balance": "0x123456"})
    data = b"\n".join(others) + b"\n" + lied
    manifest = json.loads(files["manifest.json"])
    sha256 = hashlib.sha256(data).hexdigest()
    manifest["accounts_file"] |= {"bytes": len(data), "sha256": sha256}
    for file, content in {
        **files, "accounts.jsonl": data, "manifest.json": canonical_json(manifest)
    }.items():  # fmt: skip
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
    assert run("verify", tmp_path) == 3
    assert f"{account['address']}: the matrix says something else" in capsys.readouterr().err


def test_a_snapshot_without_code_has_the_folder_of_code(
    genesis_file: GenesisFile, tmp_path: Path
) -> None:
    """What mounts it finds a dictionary whose first entry means: no code."""
    source, out = genesis_file({"alloc": {A: {"balance": "1"}}}), tmp_path / "out"
    assert run("build", "--from", source, "--out", out) == 0
    assert (out / "code-data/mainnet_compact.dict").read_bytes() == bytes(32)
    assert run("verify", out) == 0


def test_the_manifest_has_exactly_the_documented_shape(snapshot: Path) -> None:
    text = (snapshot / "manifest.json").read_text()
    document = json.loads(text)
    assert set(document) == {
        "schema", "rows", "row_size_bytes", "seeds", "page", "block_number", "state_root",
        "matrix", "accounts", "codes", "source", "known_accounts", "accounts_file",
    }  # fmt: skip
    assert document["schema"] == 1
    assert document["row_size_bytes"] == 32
    assert set(document["page"]) == {"domain_bits", "rows_per_page"}
    assert set(document["matrix"]) == {"file", "bytes", "sha256"}
    assert set(document["accounts_file"]) == {"file", "bytes", "sha256"}
    assert set(document["source"]) == {"file", "sha256"}
    assert set(document["known_accounts"][0]) == {"address", "balance", "nonce", "code"}
    assert text == json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n"


def test_the_same_input_gives_the_same_bytes() -> None:
    one = parse_genesis(SAMPLE.read_bytes())
    document = json.loads(SAMPLE.read_bytes())
    document["alloc"] = dict(reversed(document["alloc"].items()))
    other = parse_genesis(json.dumps(document).encode())
    assert build(one, SOURCE, Options()) == build(other, SOURCE, Options())


def test_numbers_and_spellings() -> None:
    files = make(
        {
            "AA" * 20: {"balance": "340282366920938463463374607431768211455"},
            "0x" + "Bb" * 20: {"balance": "0x0010", "nonce": "18446744073709551615"},
            "0x" + "cc" * 20: {"balance": 7, "nonce": 0, "code": "0x", "storage": {}},
        }
    )
    assert read(files, b"\xaa" * 20) == Account(2**128 - 1)
    assert read(files, b"\xbb" * 20) == Account(16, 2**64 - 1)
    assert read(files, b"\xcc" * 20) == Account(7)
    assert read(files, b"\xdd" * 20) is None
    assert set(files) == WITHOUT_CODE


REFUSED = [
    ({A: {"balance": str(2**128)}}, f"alloc/{A}/balance: needs more than 128 bits"),
    ({A: {"balance": hex(2**128)}}, f"alloc/{A}/balance: needs more than 128 bits"),
    ({A: {"balance": "-1"}}, f"alloc/{A}/balance: not a whole number"),
    ({A: {"balance": "1e18"}}, f"alloc/{A}/balance: not a whole number"),
    ({A: {"balance": 1.5}}, f"alloc/{A}/balance: not a whole number"),
    ({A: {"balance": True}}, f"alloc/{A}/balance: not a whole number"),
    ({A: {"balance": "0x"}}, f"alloc/{A}/balance: not a whole number"),
    ({A: {"balance": "9" * 5000}}, f"alloc/{A}/balance: not a whole number"),
    ({A: {}}, f"alloc/{A}/balance: missing"),
    ({A: {"balance": "1", "nonce": hex(2**64)}}, f"alloc/{A}/nonce: needs more than 64 bits"),
    ({A: {"balance": "1", "code": "0x123"}}, f"alloc/{A}/code: not 0x-prefixed hex"),
    ({A: {"balance": "1", "code": "6080"}}, f"alloc/{A}/code: not 0x-prefixed hex"),
    ({A: []}, f"alloc/{A}: not an object"),
    ({"0x1234": {"balance": "1"}}, "alloc/0x1234: not an address"),
    ({A[:-1] + "g": {"balance": "1"}}, f"alloc/{A[:-1]}g: not an address"),
    (
        {A: {"balance": "1"}, "0x" + "AA" * 20: {"balance": "1"}},
        f"alloc/0x{'AA' * 20}: the same address",
    ),
    ({A: {"balance": "1"}, A[2:]: {"balance": "1"}}, f"alloc/{A[2:]}: the same address"),
]


@pytest.mark.parametrize(("alloc", "reason"), REFUSED)
def test_what_is_refused_is_named(alloc: dict[str, Any], reason: str) -> None:
    with pytest.raises(GenesisError) as caught:
        parse_genesis(json.dumps({"alloc": alloc}).encode())
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "genesis: not a JSON document"),
        ("[" * 100_000, "genesis: not a JSON document"),
        ("[]", "genesis: not a JSON object"),
        ("{}", "alloc: missing"),
        ('{"alloc": {}, "alloc": {}}', "alloc: stands there twice"),
        (f'{{"alloc": {{"{A}": {{}}, "{A}": {{}}}}}}', f"alloc/{A}: stands there twice"),
        (
            f'{{"alloc": {{"{A}": {{"balance": "1", "balance": "2"}}}}}}',
            f"alloc/{A}/balance: stands there twice",
        ),
        ('{"alloc": {}, "number": "x"}', "number: not a whole number"),
        ('{"alloc": {}, "stateRoot": "0x12"}', "stateRoot: not 0x and 64"),
    ],
)
def test_documents_that_are_no_genesis(text: str, reason: str) -> None:
    with pytest.raises(GenesisError) as caught:
        parse_genesis(text.encode())
    assert str(caught.value).startswith(reason)


def test_block_and_root_come_from_the_genesis_or_the_options() -> None:
    assert manifest_of(make({})).state_root == "0x" + "00" * 32
    top = {"number": "0x10", "stateRoot": "0x" + "ab" * 32}
    assert manifest_of(make({}, **top)).block_number == 16
    assert manifest_of(make({}, **top)).state_root == "0x" + "ab" * 32
    options = Options(block_number=5, state_root=b"\x01" * 32)
    assert manifest_of(make({}, options, **top)).block_number == 5
    assert manifest_of(make({}, options, **top)).state_root == "0x" + "01" * 32


def test_seeds_are_derived_until_some_work(genesis: Genesis) -> None:
    # 91 % is about as far as three hash functions go: the first seeds do not always make it.
    tight = manifest_of(build(genesis, SOURCE, Options(rows=332)))
    assert tight.rows == 332
    assert all(seed < 2**32 for seed in tight.seeds)
    given = manifest_of(build(genesis, SOURCE, Options(rows=512, seeds=(1, 2, 2**64 - 1))))
    assert given.seeds == [1, 2, 2**64 - 1]


def test_what_does_not_fit_is_said_with_numbers(genesis: Genesis) -> None:
    with pytest.raises(BuildError, match="300 accounts in 299 rows: none of the 64 choices"):
        build(genesis, SOURCE, Options(rows=299))
    with pytest.raises(BuildError, match=r"the seeds 5,5,5 do not give .* other --seeds"):
        build(genesis, SOURCE, Options(rows=512, seeds=(5, 5, 5)))
    with pytest.raises(BuildError, match=r"first non-empty candidate; the best .* at least \d+"):
        build(genesis, SOURCE, Options(rows=512, untagged_readers=True))


def test_untagged_readers_read_every_account(genesis: Genesis) -> None:
    files = build(genesis, SOURCE, Options(untagged_readers=True))
    for account in genesis.accounts:
        found = read(files, account.address, tagged=False)
        assert found is not None
        assert (found.balance, found.nonce) == (account.balance, account.nonce)


def test_equal_code_is_stored_once() -> None:
    account = {"balance": "0", "code": "0x6001"}
    files = make({A: account, B: account})
    assert manifest_of(files).codes == 1
    assert len(files["code-data/mainnet_compact.dict"]) == 64


def run(*args: str | Path) -> int:
    return main([str(arg) for arg in args])


def test_building_twice_is_a_no_op(
    genesis_file: GenesisFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = genesis_file({"alloc": {A: {"balance": "1", "code": "0x60"}}}), tmp_path / "o/ut"
    assert run("build", "--from", source, "--out", out) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert run("build", "--from", source, "--out", out) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert "already there" in capsys.readouterr().out
    assert run("verify", out) == 0
    assert [path.name for path in out.parent.iterdir()] == ["ut"]
    assert oct((out / "code-data").stat().st_mode)[-3:] == "755"


def test_another_snapshot_is_only_replaced_by_force(
    genesis_file: GenesisFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run("build", "--from", genesis_file({"alloc": {A: {"balance": "1", "code": "0x60"}}}),
        "--out", out)  # fmt: skip
    before = read_tree(out)
    other = genesis_file({"alloc": {A: {"balance": "2"}}})
    assert run("build", "--from", other, "--out", out) == 2
    assert "--force replaces it" in capsys.readouterr().err
    assert read_tree(out) == before
    assert run("build", "--from", other, "--out", out, "--force") == 0
    assert set(read_tree(out)) == WITHOUT_CODE
    assert {path.name for path in tmp_path.iterdir()} == {"genesis.json", "out"}


def test_force_never_deletes_what_is_no_snapshot(
    genesis_file: GenesisFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "home" / "thesis"
    precious.parent.mkdir()
    precious.touch()
    source = genesis_file({"alloc": {}})
    assert run("build", "--from", source, "--out", precious.parent, "--force") == 2
    assert "no snapshot" in capsys.readouterr().err
    assert precious.exists()


def test_refusals_exit_with_two_and_write_nothing(
    genesis_file: GenesisFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    bad = genesis_file({"alloc": {A: {"balance": str(2**128)}}})
    assert run("build", "--from", bad, "--out", out) == 2
    assert f"morphogen-snapshot: alloc/{A}/balance: needs more" in capsys.readouterr().err
    assert run("build", "--from", tmp_path / "nope", "--out", out) == 2
    assert not out.exists()
    for option in ("--rows=0", "--seeds=1,2", "--seeds=1,2,-3", "--block=x", "--state-root=0x12"):
        with pytest.raises(SystemExit) as caught:
            run("build", "--from", bad, "--out", out, option)
        assert caught.value.code == 2


def test_a_place_that_cannot_be_written_is_said(
    genesis_file: GenesisFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    source = genesis_file({"alloc": {}})
    assert run("build", "--from", source, "--out", file) == 2
    assert run("build", "--from", source, "--out", file / "below") == 2
    assert capsys.readouterr().err.count("morphogen-snapshot: ") == 2


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("matrix.bin", lambda data: data[:-1] + b"x", "the sha256 is not the manifest's"),
        ("matrix.bin", lambda data: data[:-32], "16352 bytes, the manifest says 16384"),
        ("matrix.bin", None, "matrix.bin: missing"),
        ("manifest.json", None, "manifest.json: missing"),
        ("manifest.json", lambda _: b"{}", "manifest.json: rows: Field required"),
        (
            "manifest.json",
            lambda data: data.replace(b'"balance":"0x', b'"balance":"0x1', 1),
            "the matrix says something else",
        ),
        ("code-data/mainnet_compact.dict", lambda data: data[:-32], "20 hashes"),
        ("code-data/mainnet_compact.dict", None, "20 hashes"),
        ("accounts.jsonl", lambda data: data + b"x", "size or sha256 is not the manifest's"),
        ("accounts.jsonl", None, "accounts.jsonl: missing"),
        ("code-data/cas", lambda data: data + b"x", "Keccak-256 is not its name"),
        ("code-data/cas", None, "missing"),
    ],
)
def test_verify_finds_damage(
    snapshot: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    damage: Callable[[bytes], bytes] | None,
    reason: str,
) -> None:
    files = read_tree(snapshot)
    name = next(file for file in files if file.startswith(name))
    for file, data in files.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if damage is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(damage(files[name]))
    assert run("verify", tmp_path) == 3
    assert reason in capsys.readouterr().err


def test_a_manifest_with_anything_else_is_refused(snapshot: Path) -> None:
    document = json.loads((snapshot / "manifest.json").read_text())
    for change in ({"extra": 1}, {"schema": 2}, {"seeds": [1, 2]}, {"rows": "512"}):
        with pytest.raises(ManifestError, match=next(iter(change))):
            Manifest.from_bytes(json.dumps(document | change).encode())
