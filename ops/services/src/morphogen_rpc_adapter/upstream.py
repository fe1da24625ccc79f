"""An ordinary Ethereum RPC. Its URL carries a key, so no message of ours contains it."""

import json
from typing import Any, Final

from morphogen_http.client import HttpClient, NoAnswerError
from morphogen_rpc_adapter.errors import INTERNAL_ERROR, UNAVAILABLE, RpcError
from morphogen_rpc_adapter.redact import scrub, secrets_of

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
            document = json.loads(response.body)
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

    def _error(self, error: dict[str, Any]) -> RpcError:
        code = error.get("code")
        if not isinstance(code, int):
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
