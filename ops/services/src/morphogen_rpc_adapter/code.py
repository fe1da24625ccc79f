"""Contract code: an id from the row, a hash from the dictionary, bytes from the CAS."""

from typing import Final

from yarl import URL

from morphogen_http.client import HttpClient, NoAnswerError, Reason
from morphogen_pir.quantity import cas_path, keccak256
from morphogen_rpc_adapter.errors import CodeError

_HASH_BYTES: Final = 32
_MAX_CODE_BYTES: Final = 4 * 1024 * 1024


class CodeStore:
    """Static files; nothing they say is believed before its Keccak-256 is right.

    Args:
        dict_url: the dictionary.
        cas_url: the root of the code files.
        client: asks for them.
        seconds: for one file.
    """

    def __init__(self, dict_url: str, cas_url: str, client: HttpClient, seconds: float) -> None:
        self._dict_url = dict_url
        self._cas_url = URL(cas_url, encoded=True)
        self._client = client
        self._seconds = seconds

    async def code(self, code_id: int) -> bytes:
        """Return the code with this id; id 0 is no code.

        Raises:
            CodeError: when a file is missing or wrong.
        """
        if code_id == 0:
            return b""
        start = code_id * _HASH_BYTES
        headers = {"Range": f"bytes={start}-{start + _HASH_BYTES - 1}"}
        url = URL(self._dict_url, encoded=True)
        code_hash = await self._get("the dictionary", url, 206, _HASH_BYTES, headers)
        if len(code_hash) != _HASH_BYTES or not any(code_hash):
            raise CodeError("the dictionary has no such entry")
        path = f"{self._cas_url.raw_path.rstrip('/')}/{cas_path(code_hash)}"
        url = self._cas_url.with_path(path, encoded=True, keep_query=True)
        code = await self._get("the code store", url, 200, _MAX_CODE_BYTES, {})
        if keccak256(code) != code_hash:
            raise CodeError("the code does not have the hash it is stored under")
        return code

    async def _get(
        self, what: str, url: URL, status: int, limit: int, headers: dict[str, str]
    ) -> bytes:
        try:
            answer = await self._client.request(
                "GET", url, seconds=self._seconds, limit=limit, headers=headers
            )
        except NoAnswerError as error:
            # Where a whole file comes in place of a range, the status says more than the size.
            much = error.reason is Reason.TOO_LARGE
            raise CodeError(f"{what} {error if much else Reason.UNREACHABLE.value}") from None
        if answer.status != status:
            raise CodeError(f"{what} answered with status {answer.status}")
        return answer.body
