"""`morphogen-snapshot build | verify`.

Exit codes: 0 done · 2 the input or an option is refused · 3 `verify` found differences.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from morphogen_pir.cuckoo import Seeds
from morphogen_pir.manifest import MANIFEST_FILE, Manifest, Source
from morphogen_pir.rows import MAX_NONCE
from morphogen_snapshot.build import BuildError, Options, build
from morphogen_snapshot.genesis import GenesisError, parse_genesis, parse_hash, parse_number
from morphogen_snapshot.store import StoreError, install, read_tree
from morphogen_snapshot.verify import differences

_EPILOG = """\
examples:
  morphogen-snapshot build --from genesis.json --out snapshots/first
  morphogen-snapshot verify snapshots/first

A snapshot is matrix.bin (the servers), manifest.json (what the servers must say of themselves),
accounts.jsonl (every account, for probes that draw some) and code-data/ (static files for the
adapter; without any code only the dictionary's first entry). The same input gives the same bytes.
An existing snapshot with the same bytes is left alone.

exit codes: 0 done, 2 refused (nothing written), 3 verify found differences
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        return _build(args) if args.command == "build" else _verify(args.directory)
    except (GenesisError, BuildError, StoreError) as error:
        print(f"morphogen-snapshot: {error}", file=sys.stderr)
    except OSError as error:
        print(f"morphogen-snapshot: {error.filename}: {error.strerror}", file=sys.stderr)
    return 2


def _build(args: argparse.Namespace) -> int:
    data = args.source.read_bytes()
    genesis = parse_genesis(data)
    source = Source(file=args.source.name, sha256=hashlib.sha256(data).hexdigest())
    files = build(
        genesis,
        source,
        Options(args.rows, args.seeds, args.block, args.state_root, args.untagged_readers),
    )
    written = install(files, args.out, replace=args.force)
    manifest = Manifest.from_bytes(files[MANIFEST_FILE])
    print(
        f"{args.out}: {'written' if written else 'already there, the same bytes'};"
        f" {manifest.accounts} accounts in {manifest.rows} rows, {manifest.codes} codes,"
        f" seeds {','.join(map(str, manifest.seeds))}, sha256 {manifest.matrix.sha256}"
    )
    return 0


def _verify(directory: Path) -> int:
    if not directory.is_dir():
        raise StoreError(f"{directory} is not a directory")
    found = list(differences(read_tree(directory)))
    for line in found:
        print(f"morphogen-snapshot: {line}", file=sys.stderr)
    if not found:
        print(f"{directory}: whole, and as its manifest says")
    return 3 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="morphogen-snapshot",
        description="Make and check snapshots of Ethereum state for morphogen-server.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="make a snapshot from a genesis file")
    make.add_argument(
        "--from", dest="source", type=Path, required=True, metavar="GENESIS",
        help="a standard Geth genesis file; only alloc, number and stateRoot are read",
    )  # fmt: skip
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to put it")
    make.add_argument("--rows", type=_rows, help="number of rows (default: chosen to fit)")
    make.add_argument(
        "--seeds", type=_seeds, metavar="A,B,C",
        help="seeds of the three hash functions, decimal or 0x (default: the first that work)",
    )  # fmt: skip
    make.add_argument("--block", type=_block, help="block number (default: the genesis' or 0)")
    make.add_argument(
        "--state-root", type=_state_root, metavar="0x…",
        help="state root (default: the genesis' or zeros)",
    )  # fmt: skip
    make.add_argument(
        "--untagged-readers", action="store_true",
        help="also serve readers that take the first candidate row that is not all zero",
    )  # fmt: skip
    make.add_argument("--force", action="store_true", help="replace a different snapshot in DIR")
    check = commands.add_parser("verify", help="hash a snapshot and compare it with its manifest")
    check.add_argument("directory", type=Path, metavar="DIR")
    return parser


def _option(path: str, value: str, maximum: int) -> int:
    try:
        return parse_number(value.strip(), path, maximum)
    except GenesisError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _rows(value: str) -> int:
    rows = _option("rows", value, 2**32)
    if rows < 1:
        raise argparse.ArgumentTypeError("rows: must be at least 1")
    return rows


def _block(value: str) -> int:
    return _option("block", value, MAX_NONCE)


def _seeds(value: str) -> Seeds:
    parts = value.split(",")
    if len(parts) != 3:
        raise argparse.ArgumentTypeError("three numbers, separated by commas")
    first, second, third = (_option("seed", part, MAX_NONCE) for part in parts)
    return first, second, third


def _state_root(value: str) -> bytes:
    try:
        return parse_hash(value, "state root")
    except GenesisError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
