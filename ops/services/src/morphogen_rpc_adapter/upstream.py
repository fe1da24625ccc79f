"""An ordinary Ethereum RPC. Its URL carries a key, so no message of ours contains it."""

from typing import Any

import httpx

from morphogen_rpc_adapter.errors import INTERNAL_ERROR, UNAVAILABLE, RpcError
from morphogen_rpc_adapter.redact import scrub, secrets_of


class Upstream:
    """Forwards one call at a time."""

    def __init__(self, url: str, client: httpx.AsyncClient, name: str = "upstream") -> None:
        self._url = url
        self._client = client
        self._name = name
        self._secrets = secrets_of(url)

    async def call(self, method: str, params: Any) -> Any:
        """The result of `method`.

        Raises:
            RpcError: upstream's own error, or that it gave no answer.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            response = await self._client.post(self._url, json=request)
        except httpx.TimeoutException:
            raise RpcError(UNAVAILABLE, f"{self._name} does not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise RpcError(UNAVAILABLE, f"{self._name} cannot be reached") from None
        try:
            document = response.json()
        except ValueError:
            document = None
        # Some nodes answer an error with a status of 4xx; the object says more than the status.
        if isinstance(document, dict) and isinstance(error := document.get("error"), dict):
            raise self._error(error)
        if response.status_code != 200:
            raise RpcError(UNAVAILABLE, f"{self._name} answered status {response.status_code}")
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
