"""What `build` comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Build(Result):
    """Images that were built.

    Attributes:
        state: `built`.
        exit: 0.
        images: name → reference.
        pushed: whether the registry has them.
    """

    state: Literal["built"] = "built"
    images: Mapping[str, str]
    pushed: bool
