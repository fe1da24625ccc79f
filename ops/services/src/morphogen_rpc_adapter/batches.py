"""Pure: reads that go to the servers together, and what their answers mean.

What a server gets depends on how many reads there are, and on nothing else: every read asks three
places with fresh keys, a read that stands there twice is asked twice, and one more question asks
for the sample row, whose content is known. It stands among the others and looks like them, so a
server that changes answers changes this one too, and is found out.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from morphogen_pir.cuckoo import candidates_of
from morphogen_pir.dpf import split
from morphogen_pir.matrix import xor
from morphogen_pir.prg import BUILT_IN_KEYS
from morphogen_pir.rows import ROW_BYTES
from morphogen_pir.wire import Kind, WireError, encode_keys, from_hex
from morphogen_rpc_adapter.epochs import EpochInfo
from morphogen_rpc_adapter.errors import MovedError, PairError

MAX_READS: Final = 31  # of the 32 questions that a server takes; one is for the sample
_PLACES: Final = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions for both servers.

    Attributes:
        epoch: what they were made for.
        bodies: for server A and for server B.
        answer_bytes: more than a right answer has.
        places: three row numbers for each question.
        sample: which question asks for the sample row.
    """

    epoch: EpochInfo
    bodies: tuple[bytes, bytes]
    answer_bytes: int
    places: list[tuple[int, int, int]]
    sample: int

    def parse(self, body: bytes) -> list[bytes]:
        """What one server answers, as one payload for each place.

        Raises:
            MovedError: when the answer comes from another epoch.
            PairError: when it is malformed.
        """
        field = "pages" if self.epoch.pages else "payloads"
        try:
            document = json.loads(body)
            fingerprint, results = document["fingerprint"], document["results"]
            payloads = [from_hex(text, field) for result in results for text in result[field]]
            fits = all(len(result[field]) == _PLACES for result in results)
        except (ValueError, KeyError, TypeError, RecursionError, WireError):
            raise PairError("the answer is malformed") from None
        if fingerprint != self.epoch.fingerprint:
            raise MovedError("has moved to another epoch")
        size = _rows_per_page(self.epoch) * ROW_BYTES
        fits = fits and len(results) == len(self.places)
        if not fits or any(len(payload) != size for payload in payloads):
            raise PairError("the answer has the wrong size")
        return payloads

    def join(self, a: list[bytes], b: list[bytes]) -> list[list[bytes]]:
        """The three rows of each read.

        Raises:
            PairError: when the sample row is not what it has to be.
        """
        pages = [xor(left, right) for left, right in zip(a, b, strict=True)]
        per_page = _rows_per_page(self.epoch)
        rows = []
        for question, places in enumerate(self.places):
            three = pages[question * _PLACES : (question + 1) * _PLACES]
            starts = [place % per_page * ROW_BYTES for place in places]
            rows.append([page[at : at + ROW_BYTES] for page, at in zip(three, starts, strict=True)])
        if any(row != self.epoch.sample[1] for row in rows.pop(self.sample)):
            raise PairError("a server answers wrongly: a row that is known came out different")
        return rows


def make_batch(epoch: EpochInfo, addresses: Sequence[bytes]) -> Batch:
    """Split the questions for up to MAX_READS `addresses` between the servers, with fresh keys."""
    places = [candidates_of(address, epoch.seeds, epoch.num_rows) for address in addresses]
    sample = secrets.randbelow(len(places) + 1)
    places.insert(sample, (epoch.sample[0],) * _PLACES)
    kind, prg_keys, bits = Kind.ROW, BUILT_IN_KEYS, epoch.domain_bits
    if epoch.pages is not None:
        kind, prg_keys, bits = Kind.PAGE, epoch.pages.prg_keys, epoch.pages.domain_bits
    per_page = _rows_per_page(epoch)
    halves = split(prg_keys, bits, [place // per_page for three in places for place in three])
    first, second = (_body(kind, encode_keys(kind, prg_keys, half)) for half in halves)
    payload_characters = 2 * per_page * ROW_BYTES + 16
    answer_bytes = 1024 + len(places) * (_PLACES * payload_characters + 64)
    return Batch(epoch, (first, second), answer_bytes, places, sample)


def _rows_per_page(epoch: EpochInfo) -> int:
    return epoch.pages.rows_per_page if epoch.pages else 1


def _body(kind: Kind, keys: list[bytes]) -> bytes:
    texts = ["0x" + key.hex() for key in keys]
    queries: list[Any] = [
        {"keys": texts[at : at + _PLACES]} for at in range(0, len(texts), _PLACES)
    ]
    return json.dumps({"kind": kind.name.lower(), "queries": queries}).encode()
