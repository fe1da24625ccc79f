"""The pair of PIR servers: agrees with both on an epoch, then reads rows from neither alone."""

import asyncio
import json
import logging
from typing import Any, Final

from morphogen_http.client import HttpClient, NoAnswerError
from morphogen_pir.cuckoo import candidates
from morphogen_pir.dpf import split
from morphogen_pir.matrix import xor
from morphogen_pir.prg import BUILT_IN_KEYS
from morphogen_pir.rows import ROW_BYTES
from morphogen_pir.wire import Kind, WireError, encode_key, from_hex, to_hex
from morphogen_rpc_adapter.epochs import EpochInfo, disagreements, parse_epoch
from morphogen_rpc_adapter.errors import PairError

# A pair that moves to a new epoch disagrees for a moment; the fourth attempt is the last.
BACKOFF_SECONDS: Final = (0.1, 0.3, 0.9)
_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_SECONDS: Final = 10

log = logging.getLogger("morphogen_rpc_adapter")


class Pair:
    """Both servers, and the epoch they last agreed on."""

    def __init__(
        self,
        server_a: str,
        server_b: str,
        client: HttpClient,
        backoff: tuple[float, ...] = BACKOFF_SECONDS,
    ) -> None:
        self._urls = {"A": server_a.rstrip("/"), "B": server_b.rstrip("/")}
        self._client = client
        self._backoff = backoff
        self._agreed: EpochInfo | None = None

    async def refresh(self) -> EpochInfo:
        """Ask both servers for their epoch, now.

        Raises:
            PairError: when one does not answer, or they do not say the same.
        """
        try:
            a, b = await asyncio.gather(self._epoch_of("A"), self._epoch_of("B"))
            if different := disagreements(a, b):
                raise PairError(f"the servers disagree on {', '.join(different)}")
        except PairError:
            self._agreed = None
            raise
        if a != self._agreed:
            log.info("both servers serve epoch %d, block %d", a.epoch_id, a.block_number)
        self._agreed = a
        return a

    async def candidate_rows(self, address: bytes) -> list[bytes]:
        """The three rows in which the account of `address` may stand.

        All three are always read, each with fresh keys, whatever is found where.

        Raises:
            PairError: when the pair does not answer as one, after a few attempts.
        """
        for delay in self._backoff:
            try:
                return await self._read(address)
            except PairError:
                self._agreed = None
                await asyncio.sleep(delay)
        return await self._read(address)

    async def _read(self, address: bytes) -> list[bytes]:
        epoch = self._agreed or await self.refresh()
        places: list[int] = candidates([address], epoch.seeds, epoch.num_rows)[0].tolist()
        kind, prg_keys, bits, per_page = Kind.ROW, BUILT_IN_KEYS, epoch.domain_bits, 1
        if epoch.pages is not None:
            kind, prg_keys, bits = Kind.PAGE, epoch.pages.prg_keys, epoch.pages.domain_bits
            per_page = epoch.pages.rows_per_page
        questions = [split(prg_keys, bits, place // per_page) for place in places]
        halves = await asyncio.gather(
            *(
                self._ask(name, epoch, kind, [encode_key(kind, prg_keys, q[i]) for q in questions])
                for i, name in enumerate(("A", "B"))
            )
        )
        # Epoch ids start equal, so the id in an answer does not tell a restarted server's snapshot
        # from the one before. If both still say what the question was made for, they served it.
        if await self.refresh() != epoch:
            raise PairError("the servers have moved to another epoch")
        size = per_page * ROW_BYTES
        if any(len(payload) != size for half in halves for payload in half):
            raise PairError(f"the servers' rows do not have {ROW_BYTES} bytes")
        pages = [xor(a, b) for a, b in zip(*halves, strict=True)]
        starts = [place % per_page * ROW_BYTES for place in places]
        return [page[at : at + ROW_BYTES] for page, at in zip(pages, starts, strict=True)]

    async def _ask(self, name: str, epoch: EpochInfo, kind: Kind, keys: list[bytes]) -> list[bytes]:
        path, field = ("/query/page", "pages") if kind is Kind.PAGE else ("/query", "payloads")
        body = await self._call(name, "POST", path, {"keys": [to_hex(key) for key in keys]})
        try:
            document = json.loads(body)
            epoch_id, payloads = document["epoch_id"], document[field]
            answers = [from_hex(payload, field) for payload in payloads]
        except (ValueError, KeyError, TypeError, WireError):
            raise PairError(f"server {name}: the answer is malformed") from None
        if epoch_id != epoch.epoch_id or len(answers) != len(keys):
            raise PairError(f"server {name} has moved to another epoch")
        return answers

    async def _epoch_of(self, name: str) -> EpochInfo:
        body = await self._call(name, "GET", "/epoch", None)
        try:
            return parse_epoch(body)
        except ValueError as error:
            raise PairError(f"server {name}: {error}") from None

    async def _call(self, name: str, method: str, path: str, body: Any) -> bytes:
        try:
            answer = await self._client.request(
                method,
                self._urls[name] + path,
                seconds=_SECONDS,
                limit=_MAX_ANSWER_BYTES,
                body=None if body is None else json.dumps(body).encode(),
            )
        except NoAnswerError as error:
            raise PairError(f"server {name} {error}") from None
        if answer.status != 200:
            raise PairError(f"server {name} answered {path} with status {answer.status}")
        return answer.body
