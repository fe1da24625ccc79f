"""Pure: what a server says at `/epoch`, and whether two of them say the same."""

from dataclasses import dataclass, fields
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from morphogen_pir.cuckoo import Seeds
from morphogen_pir.dpf import MAX_DOMAIN_BITS, domain_bits_for
from morphogen_pir.prg import PrgKeys
from morphogen_pir.rows import ROW_BYTES
from morphogen_pir.wire import from_hex

_U64 = Annotated[int, Field(ge=0, lt=2**64)]
_Positive = Annotated[int, Field(gt=0, le=2**MAX_DOMAIN_BITS)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _PageBody(_Body):
    domain_bits: Annotated[int, Field(ge=0, le=MAX_DOMAIN_BITS)]
    rows_per_page: _Positive
    num_pages: _Positive
    prg_keys: Annotated[list[str], Field(min_length=2, max_length=2)]


class _SampleBody(_Body):
    row: Annotated[int, Field(ge=0)]
    payload: str


class _EpochBody(_Body):
    epoch_id: _U64
    num_rows: _Positive
    seeds: Annotated[list[_U64], Field(min_length=3, max_length=3)]
    block_number: _U64
    state_root: str
    matrix_sha256: str
    sample: _SampleBody
    fingerprint: str
    page_pir: _PageBody | None = None


@dataclass(frozen=True, slots=True)
class PageParameters:
    """How pages are asked for."""

    domain_bits: int
    rows_per_page: int
    num_pages: int
    prg_keys: PrgKeys


@dataclass(frozen=True, slots=True)
class EpochInfo:
    """What both servers must agree on before a question is split between them.

    Attributes:
        epoch_id: counts from each start of a server, so it alone names no epoch.
        num_rows: rows of the matrix.
        seeds: seeds of the three hash functions.
        block_number: of the state.
        state_root: of the state.
        pages: how pages are asked for, where the servers offer them.
        matrix_sha256: of all rows.
        sample: number and content of one row, in the clear.
        fingerprint: of all of these; each answer carries the one that it comes from.
    """

    epoch_id: int
    num_rows: int
    seeds: Seeds
    block_number: int
    state_root: bytes
    pages: PageParameters | None
    matrix_sha256: bytes
    sample: tuple[int, bytes]
    fingerprint: str

    @property
    def domain_bits(self) -> int:
        """The domain of row queries."""
        return domain_bits_for(self.num_rows)


def parse_epoch(body: bytes) -> EpochInfo:
    """Read the body of `/epoch`.

    Raises:
        ValueError: when it is not as documented.
    """
    try:
        epoch = _EpochBody.model_validate_json(body)
    except ValidationError:
        raise ValueError("/epoch is malformed") from None
    page = epoch.page_pir
    pages = None
    if page is not None:
        left, right = (from_hex(key, "prg_keys") for key in page.prg_keys)
        pages = PageParameters(
            page.domain_bits, page.rows_per_page, page.num_pages, PrgKeys(left, right)
        )
        if -(-epoch.num_rows // page.rows_per_page) != page.num_pages:
            raise ValueError("/epoch contradicts itself: num_pages")
        if page.num_pages > 1 << page.domain_bits:
            raise ValueError("/epoch contradicts itself: domain_bits")
    payload = from_hex(epoch.sample.payload, "sample")
    if len(payload) != ROW_BYTES or epoch.sample.row >= epoch.num_rows:
        raise ValueError(
            f"/epoch contradicts itself, or rows do not have {ROW_BYTES} bytes: sample"
        )
    first, second, third = epoch.seeds
    return EpochInfo(
        epoch.epoch_id,
        epoch.num_rows,
        (first, second, third),
        epoch.block_number,
        from_hex(epoch.state_root, "state_root"),
        pages,
        from_hex(epoch.matrix_sha256, "matrix_sha256"),
        (epoch.sample.row, payload),
        epoch.fingerprint,
    )


def disagreements(a: EpochInfo, b: EpochInfo) -> list[str]:
    """The names of what two servers say differently; what follows from it is left out."""
    different = [
        "page_pir" if field.name == "pages" else field.name
        for field in fields(EpochInfo)
        if getattr(a, field.name) != getattr(b, field.name)
    ]
    following = {"fingerprint"} | ({"sample"} if "matrix_sha256" in different else set())
    return [name for name in different if name not in following] or different
