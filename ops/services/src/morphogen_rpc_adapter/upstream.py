"""An ordinary Ethereum RPC. Its URL carries a key, so no message of ours contains it."""

import json
import math
from typing import Any, Final

from morphogen_http.client import HttpClient, NoAnswerError
from morphogen_rpc_adapter.errors import INTERNAL_ERROR, UNAVAILABLE, RpcError
from morphogen_rpc_adapter.redact import scrub, scrub_within, secrets_of

_SHORTEST_KEY: Final = 12
_MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024  # a block with all its transactions


class Upstream:
    """Forwards one call at a time.

    Args:
        url: where to.
        client: sends the call.
        seconds: for one call.
        name: what messages say instead of the URL.
    """

    def __init__(
        self, url: str, client: HttpClient, seconds: float, name: str = "upstream"
    ) -> None:
        self._url = url
        self._client = client
        self._seconds = seconds
        self._name = name
        self._secrets = secrets_of(url)
        # Shorter ones may be a part of what a chain holds, which must stay as it is.
        self._keys = frozenset(s for s in self._secrets if len(s) >= _SHORTEST_KEY)

    async def call(self, method: str, params: Any) -> Any:
        """Return the result of `method`.

        Raises:
            RpcError: upstream's own error, or that it gave no answer.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            response = await self._client.request(
                "POST",
                self._url,
                seconds=self._seconds,
                limit=_MAX_ANSWER_BYTES,
                body=json.dumps(request).encode(),
            )
        except NoAnswerError as problem:
            raise RpcError(UNAVAILABLE, f"{self._name} {problem}") from None
        try:
            document = self._cleaned(response.body)
        except (ValueError, RecursionError):
            document = None
        # Some nodes answer an error with a status of 4xx; the object says more than the status.
        if isinstance(document, dict) and isinstance(error := document.get("error"), dict):
            raise self._error(error)
        if response.status != 200:
            raise RpcError(UNAVAILABLE, f"{self._name} answered status {response.status}")
        if not isinstance(document, dict) or "result" not in document:
            raise RpcError(INTERNAL_ERROR, f"{self._name} gave no JSON-RPC answer")
        return document["result"]

    def _cleaned(self, body: bytes) -> Any:
        """The document in an answer; of what is passed on, a key of ours must not be a part.

        Raises:
            ValueError: it is no JSON, or has a number that JSON cannot say.
        """
        document = json.loads(body, parse_constant=_no_number, parse_float=_finite)
        text = body.decode(errors="replace").replace("\\/", "/")
        if any(secret in text for secret in self._keys):
            return scrub_within(document, self._keys)
        return document

    def _error(self, error: dict[str, Any]) -> RpcError:
        code = error.get("code")
        if not isinstance(code, int) or isinstance(code, bool):
            code = INTERNAL_ERROR
        return RpcError(code, self._clean(str(error.get("message", ""))), self._clean_all(error))

    def _clean(self, text: str) -> str:
        return scrub(text, self._secrets)

    def _clean_all(self, error: dict[str, Any]) -> Any:
        """`data` carries a revert reason; only text can carry a URL."""
        data = error.get("data")
        if isinstance(data, str):
            return self._clean(data)
        return None


def _no_number(name: str) -> None:
    """NaN and the infinities are no JSON, whatever Python thinks."""
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999 is JSON, and infinite here
        raise ValueError(text)
    return number
