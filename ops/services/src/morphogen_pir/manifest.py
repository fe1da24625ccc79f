"""`manifest.json`: what a snapshot holds, and what its servers must say of themselves."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MANIFEST_FILE: Final = "manifest.json"
MATRIX_FILE: Final = "matrix.bin"
ACCOUNTS_FILE: Final = "accounts.jsonl"
DICT_FILE: Final = "code-data/mainnet_compact.dict"
CAS_DIR: Final = "code-data/cas"

_U64 = Annotated[int, Field(ge=0, lt=2**64)]
_Positive = Annotated[int, Field(gt=0)]
_Count = Annotated[int, Field(ge=0)]
_Sha256 = Annotated[str, StringConstraints(pattern=re.compile(r"^[0-9a-f]{64}\Z"))]
_Hash = Annotated[str, StringConstraints(pattern=re.compile(r"^0x[0-9a-f]{64}\Z"))]
_Address = Annotated[str, StringConstraints(pattern=re.compile(r"^0x[0-9a-f]{40}\Z"))]
_Quantity = Annotated[str, StringConstraints(pattern=re.compile(r"^0x(0|[1-9a-f][0-9a-f]*)\Z"))]
_Bytes = Annotated[str, StringConstraints(pattern=re.compile(r"^0x([0-9a-f]{2})*\Z"))]


class ManifestError(ValueError):
    """A manifest that does not have the shape of schema 1; the message carries the path."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Page(_Strict):
    """What the servers' page parameters must be."""

    domain_bits: _Count
    rows_per_page: _Positive


class MatrixFile(_Strict):
    """The matrix and its hash."""

    file: str
    bytes: _Positive
    sha256: _Sha256


class AccountsFile(_Strict):
    """Every account, one in a line, for probes that draw some; and the hash of the file."""

    file: str
    bytes: _Count
    sha256: _Sha256


class Source(_Strict):
    """The genesis file that the snapshot was made from."""

    file: str
    sha256: _Sha256


class KnownAccount(_Strict):
    """An account whose state a probe may read and compare, as JSON-RPC answers it."""

    address: _Address
    balance: _Quantity
    nonce: _Quantity
    code: _Bytes


class Manifest(_Strict):
    """Schema 1."""

    # The key "schema" would hide an attribute of pydantic's own.
    schema_version: Literal[1] = Field(default=1, alias="schema")
    rows: _Positive
    row_size_bytes: Literal[32]
    seeds: Annotated[list[_U64], Field(min_length=3, max_length=3)]
    page: Page
    block_number: _U64
    state_root: _Hash
    matrix: MatrixFile
    accounts: _Count
    codes: _Count
    source: Source
    known_accounts: list[KnownAccount]
    # A snapshot that was made earlier has none.
    accounts_file: AccountsFile | None = None

    def to_bytes(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, a newline at the end."""
        return canonical_json(self.model_dump(by_alias=True))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Read a manifest.

        Raises:
            ManifestError: when it is no JSON or has another shape.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            path = "/".join(str(part) for part in first["loc"])
            raise ManifestError(f"{path or 'manifest'}: {first['msg']}") from None


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """The one encoding of `value`: the same value always gives the same bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode() + b"\n"
