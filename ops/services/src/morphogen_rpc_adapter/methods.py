"""Which method is answered how: privately, locally, by upstream, or not at all."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from morphogen_http.admission import Admission, Limits
from morphogen_pir import __version__
from morphogen_pir.quantity import parse_address, quantity
from morphogen_pir.rows import Account, find_account
from morphogen_rpc_adapter.code import CodeStore
from morphogen_rpc_adapter.errors import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    NOT_SUPPORTED,
    UNAVAILABLE,
    CodeError,
    PairError,
    RpcError,
)
from morphogen_rpc_adapter.pair import Pair
from morphogen_rpc_adapter.upstream import Upstream

PRIVATE: Final = frozenset({"eth_getBalance", "eth_getTransactionCount", "eth_getCode"})
PASSED_ON: Final = frozenset(
    {
        "eth_blockNumber",
        "eth_chainId",
        "eth_gasPrice",
        "net_version",
        "eth_getBlockByNumber",
        "eth_getBlockByHash",
        "eth_feeHistory",
        "eth_maxPriorityFeePerGas",
        "eth_sendRawTransaction",
    }
)
REFUSED: Final = {
    "eth_getProof": "a proof names the account to whoever makes it; there is no private way yet",
    "eth_sign": "this adapter holds no keys; sign in the wallet",
    "eth_signTransaction": "this adapter holds no keys; sign in the wallet",
    "eth_accounts": "this adapter holds no keys, so it has no accounts",
}
# Calls that wait for upstream hold nothing but a connection each.
_PASSING_ON: Final = Limits(in_flight=64, waiting=256, seconds=1.0)
_BLOCK_TAGS: Final = frozenset({"latest", "pending", "safe", "finalized"})
_BLOCK_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]{1,16}\Z")

log = logging.getLogger("morphogen_rpc_adapter")


class Methods:
    """Answers one call; knows nothing of JSON-RPC envelopes.

    Args:
        pair: the PIR servers.
        codes: contract code.
        upstream: what is not private.
        relay: where raw transactions go.
        fall_back: whether a private method may go upstream when the pair does not answer.
    """

    def __init__(
        self, pair: Pair, codes: CodeStore, upstream: Upstream, relay: Upstream, *, fall_back: bool
    ) -> None:
        self._pair = pair
        self._codes = codes
        self._upstream = upstream
        self._relay = relay
        self._fall_back = fall_back
        self._passing_on = Admission(_PASSING_ON)
        self._answers: dict[str, Callable[[Account], Awaitable[str]]] = {
            "eth_getBalance": self._balance,
            "eth_getTransactionCount": self._nonce,
            "eth_getCode": self._code,
        }

    async def call(self, method: str, params: Any, until: float) -> Any:
        """The result of one call.

        Args:
            method: its name.
            params: its parameters.
            until: when the result of a private method must be there, on the event loop's clock.

        Raises:
            RpcError: why there is none.
            OverloadedError: when there is no room now.
        """
        if method in PRIVATE:
            return await self._call_private(method, params, until)
        if method == "web3_clientVersion":
            return f"morphogen-rpc-adapter/{__version__}"
        if method in PASSED_ON:
            to = self._relay if method == "eth_sendRawTransaction" else self._upstream
            async with self._passing_on.enter():
                return await to.call(method, params)
        if method in REFUSED:
            raise RpcError(NOT_SUPPORTED, f"{method} is refused: {REFUSED[method]}")
        # The name is the caller's text, and so may be anything: it is not repeated.
        raise RpcError(METHOD_NOT_FOUND, "the method does not exist or is not available")

    async def _call_private(self, method: str, params: Any, until: float) -> Any:
        address = parse_state_params(params)
        try:
            async with asyncio.timeout_at(until):
                rows = await self._pair.read(address, until)
                return await self._answers[method](find_account(address, rows) or Account())
        except TimeoutError:
            error: Exception = PairError("there is no answer within the time for one read")
        except (PairError, CodeError) as problem:
            error = problem
        if not self._fall_back:
            raise RpcError(UNAVAILABLE, f"private state is unavailable: {error}") from None
        log.warning("privacy degraded: %s goes upstream, because %s", method, error)
        return await self._upstream.call(method, params)

    async def _balance(self, account: Account) -> str:
        return quantity(account.balance)

    async def _nonce(self, account: Account) -> str:
        return quantity(account.nonce)

    async def _code(self, account: Account) -> str:
        code = await self._codes.code(account.code_id)
        return "0x" + code.hex()


def parse_state_params(params: Any) -> bytes:
    """The address in `[address, block]`; the block may be left out.

    The snapshot is of one block, and the answer is always its state: wallets ask for the number
    that upstream just gave them, so any recent number has to be taken as "now". What clearly asks
    for something else is refused.

    Raises:
        RpcError: invalid parameters; the message quotes none of them.
    """
    if not isinstance(params, list) or not 1 <= len(params) <= 2:
        raise RpcError(INVALID_PARAMS, "expected [address] or [address, block]")
    try:
        address = parse_address(params[0])
    except ValueError as error:
        raise RpcError(INVALID_PARAMS, str(error)) from None
    block = params[1] if len(params) == 2 else None
    known = block is None or (
        isinstance(block, str) and (block in _BLOCK_TAGS or _BLOCK_NUMBER.match(block) is not None)
    )
    if not known:
        raise RpcError(INVALID_PARAMS, "the block must be latest, pending or a 0x number")
    return address
