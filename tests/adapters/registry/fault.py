"""What can go wrong with the fake registry's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "cut",
    "other bytes",
    "endless",
    "drip",
    "drip headers",
    "hang",
    "status",
    "redirect",
    "gzip",
    "lose",
]


@dataclass
class Fault:
    """What happens to answers.

    Attributes:
        kind: `cut` sends half and closes; `lose` does not keep a manifest, as when another
            writer was later; `drip` sends a byte now and then for ever.
        path: a part of the paths that it happens to.
        times: how often it still happens.
        status: of `status` and `redirect`.
        location: of `redirect`; `{path}` is the path that was asked for.
        endless: whether the redirect has a body without an end.
    """

    kind: Kind
    path: str = "/v2/"
    times: int = 1_000_000
    status: int = 307
    location: str = ""
    endless: bool = False

    def applies(self, path: str) -> bool:
        if self.path not in path or not self.times:
            return False
        self.times -= 1
        return True
