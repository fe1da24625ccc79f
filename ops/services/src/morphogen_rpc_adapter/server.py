"""One PIR server, as the adapter asks it."""

from typing import Final

from morphogen_http.admission import OverloadedError
from morphogen_http.client import HttpClient, NoAnswerError, Reason
from morphogen_rpc_adapter.batches import Batch
from morphogen_rpc_adapter.epochs import EpochInfo, parse_epoch
from morphogen_rpc_adapter.errors import GoneError, MovedError, PairError

_EPOCH_BYTES: Final = 64 * 1024


class PirServer:
    """Asks one server. Every error says which.

    Args:
        name: `A` or `B`.
        url: its root.
        client: sends the requests.
    """

    def __init__(self, name: str, url: str, client: HttpClient) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._client = client

    async def epoch(self, seconds: float) -> EpochInfo:
        """What the server serves now.

        Raises:
            PairError: when it does not say so within `seconds`.
        """
        body = await self._call("GET", "/epoch", None, seconds, _EPOCH_BYTES)
        try:
            return parse_epoch(body)
        except ValueError as error:
            raise PairError(f"server {self.name}: {error}") from None

    async def ask(self, batch: Batch, half: int, seconds: float) -> list[bytes]:
        """The payloads of one half of a batch.

        Raises:
            PairError: when they do not come, or are not what a server answers.
            OverloadedError: when the server has no room.
        """
        body = await self._call(
            "POST", "/query/batch", batch.bodies[half], seconds, batch.answer_bytes
        )
        try:
            return batch.parse(body)
        except PairError as error:
            raise type(error)(f"server {self.name}: {error}") from None

    async def _call(
        self, method: str, path: str, body: bytes | None, seconds: float, limit: int
    ) -> bytes:
        try:
            answer = await self._client.request(
                method, self._url + path, seconds=seconds, limit=limit, body=body
            )
        except NoAnswerError as error:
            message = f"server {self.name} {error}"
            if error.reason is Reason.LOST:
                raise MovedError(message) from None  # it stops, and another may start in its place
            if error.reason is Reason.TOO_LARGE:
                raise PairError(message) from None
            raise GoneError(message) from None
        if answer.status == 503 and body is not None:
            raise OverloadedError(f"server {self.name} has no room")
        if answer.status == 503:
            raise GoneError(f"server {self.name} has not loaded its snapshot yet")
        if answer.status != 200:
            message = f"server {self.name} answered {path} with status {answer.status}"
            # A key that was made for another epoch is refused with 400.
            raise MovedError(message) if answer.status == 400 else PairError(message)
        return answer.body
