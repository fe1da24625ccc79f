"""Cuckoo hashing with three hash functions (Pagh and Rodler 2001; Fotakis et al. 2003).

A key of `seeds[i]` (8 bytes, little-endian) followed by the address gives candidate row *i*.
"""

import random
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from morphogen_pir.siphash import siphash13, siphash13_one

Seeds = tuple[int, int, int]
DEFAULT_SEEDS: Final[Seeds] = (0x1234, 0x5678, 0x9ABC)

# Three hash functions fill to 91 %; well below that an insertion moves a handful of accounts,
# so a walk of this length means that these seeds do not work.
_MAX_MOVES: Final = 2_000


class PlacementError(Exception):
    """These seeds do not give every account a row of its own.

    Attributes:
        left_over: how many accounts were without a row when it gave up (at least that many).
    """

    def __init__(self, left_over: int) -> None:
        super().__init__(f"{left_over} accounts have no row")
        self.left_over = left_over


def candidates(addresses: Sequence[bytes], seeds: Seeds, num_rows: int) -> NDArray[np.int64]:
    """The three rows in which each address may stand: shape (len(addresses), 3)."""
    count = len(addresses)
    keys = np.frombuffer(b"".join(addresses), dtype=np.uint8).reshape(count, -1 if count else 0)
    rows = np.empty((count, 3), dtype=np.int64)
    for i, seed in enumerate(seeds):
        prefix = np.frombuffer(seed.to_bytes(8, "little"), dtype=np.uint8)
        messages = np.concatenate([np.broadcast_to(prefix, (count, 8)), keys], axis=1)
        rows[:, i] = siphash13(messages) % np.uint64(num_rows)
    return rows


def candidates_of(address: bytes, seeds: Seeds, num_rows: int) -> tuple[int, int, int]:
    """The three rows in which one address may stand; as `candidates`, and faster for one."""
    first, second, third = (
        siphash13_one(seed.to_bytes(8, "little") + address) % num_rows for seed in seeds
    )
    return first, second, third


def place(choices: NDArray[np.int64], num_rows: int) -> list[int]:
    """Give every account one of its candidate rows, by a deterministic random walk.

    Args:
        choices: shape (n, 3), from `candidates`.
        num_rows: how many rows there are.

    Returns:
        The row of each account.

    Raises:
        PlacementError: when a walk does not end.
    """
    if len(choices) > num_rows:
        raise PlacementError(len(choices) - num_rows)
    owner = [-1] * num_rows
    options: list[list[int]] = choices.tolist()
    # Seeded: the same accounts always land in the same rows. Nothing here is a secret.
    walk = random.Random(0)  # noqa: S311
    for newcomer in range(len(options)):
        account, came_from = newcomer, -1
        for _ in range(_MAX_MOVES):
            free = next((row for row in options[account] if owner[row] < 0), None)
            if free is not None:
                owner[free] = account
                break
            others = [row for row in options[account] if row != came_from] or options[account]
            row = walk.choice(others)
            owner[row], account, came_from = account, owner[row], row
        else:
            raise PlacementError(len(options) - newcomer)
    rows = [-1] * len(options)
    for row, account in enumerate(owner):
        if account >= 0:
            rows[account] = row
    return rows


def place_first_occupied(choices: NDArray[np.int64], num_rows: int) -> list[int]:
    """Place accounts so that the first non-empty candidate of each is its own row.

    A reader that knows no tags takes the first candidate that is not all zero. So a row wanted
    by two accounts must stay empty, and both move on to their next candidate; repeating this
    gives the one smallest solution, or shows that these seeds have none.

    Raises:
        PlacementError: when some account has no candidate left.
    """
    options: list[list[int]] = choices.tolist()
    level = [0] * len(options)
    holders: list[list[int]] = [[] for _ in range(num_rows)]
    blocked = [False] * num_rows
    waiting = list(range(len(options) - 1, -1, -1))
    lost: set[int] = set()
    while waiting:
        account = waiting.pop()
        while level[account] < 3 and blocked[options[account][level[account]]]:
            level[account] += 1
        if level[account] == 3:
            lost.add(account)
            continue
        row = options[account][level[account]]
        holders[row].append(account)
        if len(holders[row]) > 1:
            blocked[row] = True
            waiting.extend(holders[row])
            holders[row] = []
    if lost:
        raise PlacementError(len(lost))
    return [options[account][level[account]] for account in range(len(options))]
