"""A failure, as `--json` shows it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result
from morphops.errors import MorphopsError


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetail:
    """What failed.

    Attributes:
        kind: the name of the error.
        what: what failed, in one sentence.
        detail: further lines.
        state: what is true of the world now.
        next: what to type next.
    """

    kind: str
    what: str
    detail: tuple[str, ...]
    state: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Result):
    """A task that failed.

    Attributes:
        state: `failed`.
        exit: the exit code of the process.
        error: what failed.
    """

    state: Literal["failed"] = "failed"
    error: ErrorDetail


def of_error(error: MorphopsError) -> Failure:
    """Return an error as a result."""
    return Failure(
        exit=error.exit_code,
        error=ErrorDetail(
            kind=type(error).__name__,
            what=error.what,
            detail=tuple(error.detail),
            state=error.state,
            next=error.hint,
        ),
    )
