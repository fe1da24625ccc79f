"""Contract code: an id from the row, a hash from the dictionary, bytes from the CAS."""

from typing import Final

import httpx

from morphogen_pir.quantity import cas_path, keccak256
from morphogen_rpc_adapter.errors import CodeError

_HASH_BYTES: Final = 32
_MAX_CODE_BYTES: Final = 4 * 1024 * 1024


class CodeStore:
    """Static files; nothing they say is believed before its Keccak-256 is right."""

    def __init__(self, dict_url: str, cas_url: str, client: httpx.AsyncClient) -> None:
        self._dict_url = dict_url
        self._cas_url = httpx.URL(cas_url)
        self._client = client

    async def code(self, code_id: int) -> bytes:
        """The code with this id; id 0 is no code.

        Raises:
            CodeError: when a file is missing or wrong.
        """
        if code_id == 0:
            return b""
        start = code_id * _HASH_BYTES
        headers = {"Range": f"bytes={start}-{start + _HASH_BYTES - 1}"}
        code_hash = await self._get("the dictionary", self._dict_url, 206, _HASH_BYTES, headers)
        if len(code_hash) != _HASH_BYTES or not any(code_hash):
            raise CodeError("the dictionary has no such entry")
        path = f"{self._cas_url.path.rstrip('/')}/{cas_path(code_hash)}"
        url = self._cas_url.copy_with(path=path)
        code = await self._get("the code store", url, 200, _MAX_CODE_BYTES, {})
        if keccak256(code) != code_hash:
            raise CodeError("the code does not have the hash it is stored under")
        return code

    async def _get(
        self, what: str, url: str | httpx.URL, status: int, limit: int, headers: dict[str, str]
    ) -> bytes:
        data = bytearray()
        # A compressed range would be a range of something else.
        headers = {"Accept-Encoding": "identity", **headers}
        try:
            async with self._client.stream("GET", url, headers=headers) as response:
                if response.status_code != status:
                    raise CodeError(f"{what} answered with status {response.status_code}")
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > limit:
                        raise CodeError(f"{what} answered with too much")
        except (httpx.HTTPError, httpx.InvalidURL):
            raise CodeError(f"{what} cannot be reached") from None
        return bytes(data)
