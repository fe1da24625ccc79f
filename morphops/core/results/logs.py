"""What `logs` comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs(Result):
    """The last log lines, redacted.

    Attributes:
        state: `ok`.
        exit: 0.
        logs: service → lines; of several containers each line begins with its name (`web-2 | …`).
    """

    state: Literal["ok"] = "ok"
    logs: Mapping[str, tuple[str, ...]]
