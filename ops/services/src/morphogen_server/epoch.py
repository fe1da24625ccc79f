"""An epoch: one snapshot with everything needed to answer questions about it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from morphogen_pir.cuckoo import Seeds
from morphogen_pir.dpf import domain_bits_for, expand
from morphogen_pir.matrix import Matrix, MatrixError, check_shape
from morphogen_pir.prg import BUILT_IN_KEYS, PrgKeys
from morphogen_pir.wire import Kind, decode_keys, from_hex, to_hex
from morphogen_server.config import ServerSettings

_SYNTHETIC_BYTES = 2**20
_QUICK_BYTES = 2**21


@dataclass(frozen=True, slots=True)
class Pages:
    """The matrix cut into pages, and the parameters of page queries."""

    matrix: Matrix
    rows_per_page: int
    domain_bits: int
    prg_keys: PrgKeys


@dataclass(frozen=True, slots=True)
class Epoch:
    """What a server serves; immutable, so that a request sees one epoch from start to end.

    Attributes:
        epoch_id: 0 at the start, one more for each snapshot loaded since.
        matrix: the rows.
        seeds: seeds of the three cuckoo hash functions.
        block_number: block that the state belongs to.
        state_root: 32 bytes.
        pages: None when page PIR is disabled.
    """

    epoch_id: int
    matrix: Matrix
    seeds: Seeds
    block_number: int
    state_root: bytes
    pages: Pages | None
    domain_bits: int = field(init=False)
    description: Mapping[str, Any] = field(init=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the domain of row queries, and what `/epoch` says."""
        object.__setattr__(self, "domain_bits", domain_bits_for(self.matrix.num_rows))
        body = self._describe()
        # Of everything that an answer depends on: two epochs of one fingerprint answer the same.
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
        object.__setattr__(self, "fingerprint", to_hex(digest))
        object.__setattr__(self, "description", body | {"fingerprint": to_hex(digest)})

    def answer(self, kind: Kind, keys: list[bytes]) -> list[bytes]:
        """Scan once for all of `keys`; slow with a large matrix, so it belongs into a thread.

        Raises:
            WireError: when a key is malformed, or made for other parameters.
            LookupError: when pages are asked for and page PIR is disabled.
        """
        matrix, prg_keys, bits = self.matrix, BUILT_IN_KEYS, self.domain_bits
        if kind is Kind.PAGE:
            if self.pages is None:
                raise LookupError("page PIR is disabled")
            matrix, prg_keys, bits = (
                self.pages.matrix,
                self.pages.prg_keys,
                self.pages.domain_bits,
            )
        parsed = decode_keys(keys, kind, prg_keys, bits)
        return matrix.scan(expand(prg_keys, parsed, matrix.num_rows))

    def is_quick(self, kind: Kind, keys: int) -> bool:
        """Whether answering `keys` keys takes a millisecond or two at most."""
        matrix = self.pages.matrix if kind is Kind.PAGE and self.pages else self.matrix
        return matrix.words.nbytes * keys <= _QUICK_BYTES

    def _describe(self) -> dict[str, Any]:
        """The body of `GET /epoch`, without the fingerprint."""
        sample = self.matrix.first_row()
        body: dict[str, Any] = {
            "epoch_id": self.epoch_id,
            "num_rows": self.matrix.num_rows,
            "seeds": list(self.seeds),
            "block_number": self.block_number,
            "state_root": to_hex(self.state_root),
            "matrix_sha256": to_hex(self.matrix.sha256()),
            # A row in the clear: a reader asks for it among others, and knows what must come.
            "sample": {"row": sample, "payload": to_hex(self.matrix.row(sample))},
        }
        if self.pages is not None:
            body["page_pir"] = {
                "domain_bits": self.pages.domain_bits,
                "rows_per_page": self.pages.rows_per_page,
                "num_pages": self.pages.matrix.num_rows,
                "prg_keys": [to_hex(self.pages.prg_keys.left), to_hex(self.pages.prg_keys.right)],
            }
        return body


def check_sizes(settings: ServerSettings) -> None:
    """Refuse a matrix whose size alone shows that it does not fit, before anything is read.

    Raises:
        MatrixError: when it is no whole number of rows, or has more pages than the domain.
        OSError: when the file is not there, or may not be read.
    """
    size = settings.matrix_size_bytes or _SYNTHETIC_BYTES
    if settings.matrix_file is not None:
        with settings.matrix_file.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
    check_shape(size, settings.row_size_bytes)
    pages = -(-size // (settings.row_size_bytes * settings.page_rows_per_page))
    _check_domain(settings, pages)


def _check_domain(settings: ServerSettings, pages: int) -> None:
    if not settings.disable_page_pir and pages > 1 << settings.page_domain_bits:
        raise MatrixError(
            f"page_domain_bits: {settings.page_domain_bits} bits do not cover {pages} pages,"
            f" {domain_bits_for(pages)} do"
        )


def load_matrix(settings: ServerSettings) -> Matrix:
    """The matrix that the settings name.

    Raises:
        MatrixError: when the data are no matrix of the row size set.
        OSError: when the file cannot be read.
    """
    if settings.matrix_file is not None:
        return Matrix.from_file(settings.matrix_file, settings.row_size_bytes)
    size = settings.matrix_size_bytes or _SYNTHETIC_BYTES
    return Matrix.synthetic(size, settings.row_size_bytes, settings.matrix_seed)


def make_epoch(
    settings: ServerSettings,
    matrix: Matrix,
    *,
    epoch_id: int = 0,
    seeds: Seeds | None = None,
    block_number: int | None = None,
    state_root: bytes | None = None,
) -> Epoch:
    """Join a matrix with the settings; what is given here wins over them.

    Raises:
        MatrixError: when the page domain does not cover the pages.
    """
    pages = None
    if not settings.disable_page_pir:
        paged = matrix.pages(settings.page_rows_per_page)
        _check_domain(settings, paged.num_rows)
        pages = Pages(
            paged,
            settings.page_rows_per_page,
            settings.page_domain_bits,
            settings.page_prg_keys(),
        )
    return Epoch(
        epoch_id,
        matrix,
        settings.seeds if seeds is None else seeds,
        settings.block_number if block_number is None else block_number,
        settings.state_root if state_root is None else state_root,
        pages,
    )


def parse_keys(value: object) -> list[bytes]:
    """The three keys of one question.

    Raises:
        WireError: when one is no 0x hex.
        ValueError: when it is not a list of three.
    """
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("keys must be a list of three")
    return [from_hex(text, f"keys/{place}") for place, text in enumerate(value)]
