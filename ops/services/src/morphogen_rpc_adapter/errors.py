"""What a caller may be told: JSON-RPC errors with a code and a reason, never a parameter."""

from typing import Any, Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
UNAVAILABLE: Final = -32000
LIMIT_EXCEEDED: Final = -32005  # EIP-1474
NOT_SUPPORTED: Final = -32004  # EIP-1474: the method is known, and not offered


class RpcError(Exception):
    """A JSON-RPC error object.

    Attributes:
        code: JSON-RPC 2.0 or EIP-1474 code.
        data: passed on from upstream where it gave any.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data

    def as_object(self) -> dict[str, Any]:
        """The value of `error` in a response."""
        body: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.data is not None:
            body["data"] = self.data
        return body


class PairError(Exception):
    """The two PIR servers cannot answer together now; the message says why."""


class MovedError(PairError):
    """The pair may have moved to another epoch: the question is worth asking again."""


class GoneError(PairError):
    """A server does not answer; the message says which."""


class CodeError(Exception):
    """The contract code cannot be had, or is not what its hash says."""
